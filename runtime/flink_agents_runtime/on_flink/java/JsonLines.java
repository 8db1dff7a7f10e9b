package flinkagents.gate;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.runtime.CompileUtils;
import org.apache.flink.api.common.eventtime.SerializableTimestampAssigner;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/**
 * A Java agent between lines of JSON.
 *
 * <p>Inputs are lines {"input": number, "key", "value"}, outputs {"input": number, "value"}. The time
 * stamp identifies the input: upstream's operator copies it from an input to the outputs of its run.
 */
public final class JsonLines {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private JsonLines() {}

    /** Connects the lines with the agent of a plan, whose inputs are objects of a class. */
    public static DataStream<String> throughAgent(
            DataStream<String> lines, String plan, String inputClass, int parallelism) throws IOException {
        AgentPlan agentPlan = MAPPER.readValue(plan, AgentPlan.class);
        WatermarkStrategy<String> numbers =
                WatermarkStrategy.<String>noWatermarks().withTimestampAssigner(new InputNumber());
        KeyedStream<String, String> byKey =
                lines.assignTimestampsAndWatermarks(numbers)
                        .setParallelism(1)
                        .keyBy(new KeyOfLine(), Types.STRING);
        DataStream<Object> values =
                byKey.map(new ReadValue(inputClass))
                        .returns(TypeInformation.of(Object.class))
                        .setParallelism(parallelism);
        KeyedStream<Object, String> keyed =
                DataStreamUtils.reinterpretAsKeyedStream(values, new KeyAtHand(), Types.STRING);
        return CompileUtils.connectToAgent(keyed, agentPlan)
                .process(new WriteLine())
                .returns(Types.STRING)
                .setParallelism(parallelism);
    }

    private static final class InputNumber implements SerializableTimestampAssigner<String> {
        @Override
        public long extractTimestamp(String line, long recordTimestamp) {
            try {
                return MAPPER.readTree(line).get("input").asLong();
            } catch (IOException error) {
                throw new IllegalArgumentException(error);
            }
        }
    }

    /** The key as JSON text, which separates 1 and "1". */
    private static final class KeyOfLine implements KeySelector<String, String> {
        @Override
        public String getKey(String line) throws IOException {
            return MAPPER.readTree(line).get("key").toString();
        }
    }

    /** Turns a line into the value that the agent gets, and remembers its key for KeyAtHand. */
    private static final class ReadValue implements MapFunction<String, Object> {
        private final String inputClass;

        ReadValue(String inputClass) {
            this.inputClass = inputClass;
        }

        @Override
        public Object map(String line) throws Exception {
            JsonNode record = MAPPER.readTree(line);
            KeyAtHand.KEY.set(record.get("key").toString());
            Class<?> type = Class.forName(inputClass, true, Thread.currentThread().getContextClassLoader());
            return MAPPER.treeToValue(record.get("value"), type);
        }
    }

    /**
     * The key of the record that ReadValue has just emitted. Both run in one thread, since upstream's
     * operator is always chained: an input of the agent does not have to contain its key.
     */
    private static final class KeyAtHand implements KeySelector<Object, String> {
        static final ThreadLocal<String> KEY = new ThreadLocal<>();

        @Override
        public String getKey(Object value) {
            String key = KEY.get();
            if (key == null) {
                throw new IllegalStateException("the agent's operator is not chained to its input");
            }
            return key;
        }
    }

    private static final class WriteLine extends ProcessFunction<Object, String> {
        @Override
        public void processElement(Object value, Context context, Collector<String> out) throws Exception {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("input", context.timestamp());
            line.put("value", value);
            out.collect(MAPPER.writeValueAsString(line));
        }
    }
}
