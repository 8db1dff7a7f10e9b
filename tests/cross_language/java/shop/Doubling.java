package shop;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolParameters;

/** Calls the tool "double" of the agent. */
public class Doubling {

    public static void ask(Event event, RunnerContext context) throws Exception {
        Tool tool = (Tool) context.getResource("double", ResourceType.TOOL);
        context.sendEvent(new OutputEvent(tool.call(new ToolParameters(Map.of("number", 21))).getResult()));
    }
}
