package shop;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/** Actions in Java for an agent in Python. */
public class Visits {

    /** Counts the inputs of a key. */
    public static void count(Event event, RunnerContext context) throws Exception {
        MemoryObject memory = context.getShortTermMemory();
        long before = memory.isExist("visits") ? ((Number) memory.get("visits").getValue()).longValue() : 0;
        memory.set("visits", before + 1);
    }

    /** No action: it is not static. */
    public void record(Event event, RunnerContext context) {}

    /** No action: it has other parameters. */
    public static void amount(Integer amount) {}
}
