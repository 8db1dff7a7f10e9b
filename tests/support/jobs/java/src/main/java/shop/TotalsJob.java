package shop;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Purchases in, each customer's running total out. Arguments: the file of inputs, the directory for outputs. */
public final class TotalsJob {
    private TotalsJob() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.fromSource(
                        FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(args[0])).build(),
                        WatermarkStrategy.noWatermarks(),
                        "purchases")
                .keyBy(TotalsJob::keyOf, Types.STRING)
                .process(new Totals(), Types.STRING)
                .sinkTo(FileSink.forRowFormat(new Path(args[1]), new SimpleStringEncoder<String>()).build());
        env.execute("totals in Java");
    }

    private static JsonNode parsed(String line) throws Exception {
        return new ObjectMapper().readTree(line);
    }

    private static String keyOf(String line) throws Exception {
        return parsed(line).get("key").asText();
    }

    private static final class Totals extends KeyedProcessFunction<String, String, String> {
        private transient ValueState<Integer> total;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Types.INT));
        }

        @Override
        public void processElement(String line, Context context, Collector<String> out) throws Exception {
            int amount = parsed(line).get("value").get("amount").asInt();
            if (amount < 0) {
                throw new IllegalArgumentException("a purchase of " + amount + " by " + context.getCurrentKey());
            }
            total.update((total.value() == null ? 0 : total.value()) + amount);
            out.collect("{\"key\": \"" + context.getCurrentKey() + "\", \"value\": {\"total\": " + total.value() + "}}");
        }
    }
}
