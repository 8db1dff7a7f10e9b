package shop;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Numbered purchases in, each customer's running total out. Arguments: Kafka's address, both topics, a version. */
public final class RunningTotals {
    private RunningTotals() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.enableCheckpointing(1000);
        env.fromSource(
                        KafkaSource.<String>builder()
                                .setBootstrapServers(args[0])
                                .setTopics(args[1])
                                .setGroupId(args[1])
                                .setStartingOffsets(OffsetsInitializer.earliest())
                                .setValueOnlyDeserializer(new SimpleStringSchema())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "purchases")
                .uid("purchases")
                .keyBy(RunningTotals::keyOf, Types.STRING)
                .process(new Totals(args[3]), Types.STRING)
                .uid("totals")
                .sinkTo(
                        KafkaSink.<String>builder()
                                .setBootstrapServers(args[0])
                                .setRecordSerializer(
                                        KafkaRecordSerializationSchema.builder()
                                                .setTopic(args[2])
                                                .setValueSerializationSchema(new SimpleStringSchema())
                                                .build())
                                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                                .setTransactionalIdPrefix(args[2])
                                .setProperty("transaction.timeout.ms", "300000")
                                .build())
                .uid("sink");
        env.execute("running totals in Java");
    }

    private static JsonNode parsed(String line) throws Exception {
        return new ObjectMapper().readTree(line);
    }

    private static String keyOf(String line) throws Exception {
        return parsed(line).get("key").asText();
    }

    private static final class Totals extends KeyedProcessFunction<String, String, String> {
        private final String version;
        private transient ValueState<Integer> total;

        Totals(String version) {
            this.version = version;
        }

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Types.INT));
        }

        @Override
        public void processElement(String line, Context context, Collector<String> out) throws Exception {
            JsonNode bought = parsed(line).get("value");
            total.update((total.value() == null ? 0 : total.value()) + bought.get("amount").asInt());
            String customer = context.getCurrentKey();
            out.collect(
                    String.format(
                            "{\"key\": \"%s\", \"input\": %d, "
                                    + "\"value\": {\"customer\": \"%s\", \"total\": %d, \"version\": \"%s\"}}",
                            customer, bought.get("number").asInt(), customer, total.value(), version));
        }
    }
}
