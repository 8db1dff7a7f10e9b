package shop;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/** Actions. */
public class Visits {

    /** An event for Python. */
    public static class Counted extends Event {
        public final String item;
        public final long visits;

        Counted(String item, long visits) {
            this.item = item;
            this.visits = visits;
        }
    }

    public static void count(Event event, RunnerContext context) throws Exception {
        Map<?, ?> purchase = (Map<?, ?>) ((InputEvent) event).getInput();
        MemoryObject memory = context.getShortTermMemory();
        long before = memory.isExist("counts.visits") ? ((Number) memory.get("counts").get("visits").getValue()).longValue() : 0;
        memory.set("counts.visits", before + 1);
        if (!memory.get("counts").isNestedObject() || !memory.get("counts").getFields().get("visits").equals(before + 1)) {
            throw new IllegalStateException("the memory lost something: " + memory.get("counts").getFields());
        }
        context.sendEvent(new Counted((String) purchase.get("item"), before + 1));
    }

    /** An event that knows its id. */
    public static class Named extends Event {
        public final String own = getId().toString();
    }

    public static void name(Event event, RunnerContext context) {
        context.sendEvent(new Named());
    }

    public static void answer(Event event, RunnerContext context) {
        context.sendEvent(new OutputEvent(Map.of("java", ((InputEvent) event).getInput())));
    }

    public static void misuse(Event event, RunnerContext context) throws Exception {
        context.getShortTermMemory().set("value", 1);
        context.getShortTermMemory().newObject("value", false);
    }

    public static void unsupported(Event event, RunnerContext context) {
        context.getActionMetricGroup();
    }
}
