package shop;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.agents.api.Agent;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/** Adds the amounts of each customer. */
public class TotalsAgent extends Agent {

    /** An amount that was added. */
    public static class Booked extends Event {
        private final String item;
        private final long total;

        public Booked(String item, long total) {
            this.item = item;
            this.total = total;
        }

        public String getItem() {
            return item;
        }

        public long getTotal() {
            return total;
        }
    }

    @Action(listenEvents = {InputEvent.class})
    public static void add(Event event, RunnerContext context) throws Exception {
        Map<?, ?> purchase = (Map<?, ?>) ((InputEvent) event).getInput();
        if (!(purchase.get("amount") instanceof Number)) {
            throw new IllegalArgumentException("no amount: " + purchase);
        }
        MemoryObject memory = context.getShortTermMemory();
        long before = memory.isExist("total") ? ((Number) memory.get("total").getValue()).longValue() : 0;
        long total = before + ((Number) purchase.get("amount")).longValue();
        memory.set("total", total);
        context.sendEvent(new Booked(String.valueOf(purchase.get("item")), total));
    }

    @Action(listenEvents = {Booked.class})
    public static void answer(Event event, RunnerContext context) {
        Booked booked = (Booked) event;
        Map<String, Object> output = new LinkedHashMap<>();
        output.put("item", booked.getItem());
        output.put("total", booked.getTotal());
        context.sendEvent(new OutputEvent(output));
    }

    @Tool(description = "Double an amount.")
    public static Integer twice(@ToolParam(name = "amount") Integer amount) {
        return 2 * amount;
    }
}
