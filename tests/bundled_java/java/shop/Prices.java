package shop;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;

/** Tools. */
public class Prices {

    @Tool(description = "The price of an amount with its tax.")
    public static Map<String, Object> withTax(
            @ToolParam(name = "amount", description = "pieces") int amount, @ToolParam(name = "rate") Double rate) {
        Map<String, Object> price = new LinkedHashMap<>();
        price.put("amount", amount);
        price.put("gross", amount * (1 + rate));
        return price;
    }

    @Tool(description = "The value itself.")
    public static Object echo(@ToolParam(name = "value", required = false) Object value) {
        return value;
    }

    @Tool(description = "The name of the class of a value.")
    public static String classOf(@ToolParam(name = "value") Object value) {
        return value.getClass().getName();
    }

    @Tool(description = "Fails.")
    public static String fail(@ToolParam(name = "reason") String reason) {
        throw new IllegalStateException("no price: " + reason, new ArithmeticException("the inner one"));
    }

    @Tool(description = "Does not return in time.")
    public static String sleep(@ToolParam(name = "ms") long ms) throws InterruptedException {
        Thread.sleep(ms);
        return "awake";
    }

    @Tool(description = "Ends the JVM.")
    public static String exit(@ToolParam(name = "code") int code) {
        System.exit(code);
        return "";
    }

    @Tool(description = "A value that Python does not have.")
    public static Object odd() {
        return new Prices();
    }

    @Tool(description = "A time with nanoseconds.")
    public static Object nanos() {
        return java.time.LocalTime.of(1, 2, 3, 4);
    }

    @Tool(description = "Takes an array.")
    public static int total(@ToolParam(name = "values") int[] values) {
        return values.length;
    }

    @Tool(description = "Returns an array and a member of an enumeration.")
    public static Object[] several() {
        return new Object[] {new int[] {1, 2}, Thread.State.NEW, new String[] {"x"}};
    }

    @Tool(description = "Fails with half of a surrogate pair.")
    public static String halved() {
        throw new IllegalStateException("half \ud800 of it");
    }

    public static String withoutAnnotation(String value) {
        return value;
    }

    public String notStatic() {
        return "";
    }
}
