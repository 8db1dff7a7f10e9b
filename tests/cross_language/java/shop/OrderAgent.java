package shop;

import org.apache.flink.agents.api.Agent;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;

/** Takes objects of a class. */
public class OrderAgent extends Agent {

    @Action(listenEvents = {InputEvent.class})
    public static void order(Event event, RunnerContext context) {
        Purchase purchase = (Purchase) ((InputEvent) event).getInput();
        context.sendEvent(new OutputEvent(purchase.item + " for " + purchase.amount));
    }
}
