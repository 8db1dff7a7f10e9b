package flinkagents.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Calls Java on behalf of a Python process, over standard input and output.
 *
 * <p>A frame is a length, a kind, the number of the call, and one value (see {@link Wire}). The end of the
 * input ends the JVM: that is how it follows its parent, however that dies.
 */
public final class Bridge {

    // From Python: a call, its cancellation, and answers. Constants of the module jvm in Python.
    static final byte CALL = 'C';
    static final byte CANCEL = 'K';
    static final byte ANSWER = 'A';
    static final byte FAILED = 'F';
    // To Python.
    static final byte READY = 'I';
    static final byte RESULT = 'R';
    static final byte ERROR = 'E';
    static final byte ASK = 'Q';
    static final byte STACK = 'S';

    private static final int HEADER = 9;
    private static final int MAX_FRAME = 1 << 30;

    private final DataInputStream in;
    private final DataOutputStream out;
    private final Resources resources = new Resources();
    private final Map<Long, Call> calls = new ConcurrentHashMap<>();
    private final ExecutorService threads =
            Executors.newCachedThreadPool(
                    task -> {
                        Thread thread = new Thread(task, "java-call");
                        thread.setDaemon(true);
                        return thread;
                    });

    private Bridge(InputStream in, FileOutputStream out) {
        this.in = new DataInputStream(new BufferedInputStream(in));
        this.out = new DataOutputStream(new BufferedOutputStream(out));
    }

    public static void main(String[] arguments) throws IOException {
        FileOutputStream out = new FileOutputStream(FileDescriptor.out);
        // Prints of the user's code must not get between the frames.
        System.setOut(System.err);
        Bridge bridge = new Bridge(new FileInputStream(FileDescriptor.in), out);
        System.setIn(InputStream.nullInputStream());
        try {
            bridge.serve();
        } finally {
            // Not exit(): a hook or a thread of the user's code could hold it up.
            Runtime.getRuntime().halt(0);
        }
    }

    private void serve() throws IOException {
        send(READY, 0, System.getProperty("java.version"));
        while (true) {
            int length;
            try {
                length = in.readInt();
            } catch (EOFException end) {
                return;
            }
            if (length < HEADER || length > MAX_FRAME) {
                throw new IOException("a frame of " + length + " bytes");
            }
            byte kind = in.readByte();
            long number = in.readLong();
            byte[] content = new byte[length - HEADER];
            in.readFully(content);
            Call call = calls.get(number);
            if (kind == CALL) {
                begin(new Call(this, number), content);
            } else if (kind == CANCEL) {
                send(STACK, number, call == null ? "" : call.stack());
                if (call != null) {
                    call.interrupt();
                }
            } else if (call != null) {
                call.answered(kind, content);
            }
        }
    }

    private void begin(Call call, byte[] content) {
        calls.put(call.number, call);
        threads.execute(
                () -> {
                    call.start();
                    try {
                        List<?> request = (List<?>) Wire.value(content);
                        Object result = perform(call, (String) request.get(0), (List<?>) request.get(1));
                        reply(RESULT, call.number, result);
                    } catch (Throwable error) {
                        reply(ERROR, call.number, described(error));
                    } finally {
                        call.end();
                        calls.remove(call.number);
                    }
                });
    }

    private Object perform(Call call, String operation, List<?> arguments) throws Throwable {
        switch (operation) {
            case "check":
                Functions.method(arguments);
                return null;
            case "metadata":
                return Functions.metadata(arguments);
            case "tool":
                return Functions.tool(arguments);
            case "action":
                return Actions.run(call, arguments);
            case "open":
                return resources.open(call, arguments);
            case "method":
                return resources.method(call, arguments);
            case "close":
                return resources.close();
            default:
                throw new IllegalArgumentException("there is no operation " + operation);
        }
    }

    private void reply(byte kind, long number, Object value) throws Refused {
        try {
            send(kind, number, value);
        } catch (IOException gone) {
            Runtime.getRuntime().halt(0);
        }
    }

    void send(byte kind, long number, Object value) throws IOException {
        byte[] content = Wire.bytes(value);
        if (content.length > MAX_FRAME - HEADER) {
            throw new Refused("the value has " + content.length + " bytes for Python; the limit is " + (MAX_FRAME - HEADER));
        }
        synchronized (out) {
            out.writeInt(content.length + HEADER);
            out.writeByte(kind);
            out.writeLong(number);
            out.write(content);
            out.flush();
        }
    }

    private static Map<String, Object> described(Throwable error) {
        Throwable cause = error;
        while (cause instanceof InvocationTargetException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        StringWriter trace = new StringWriter();
        cause.printStackTrace(new PrintWriter(trace));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("refused", cause instanceof Refused);
        fields.put("missing", missing(cause));
        fields.put("type", cause.getClass().getName());
        fields.put("message", readable(cause.getMessage()));
        fields.put("trace", readable(trace.toString()));
        return fields;
    }

    /** The text without halves of surrogate pairs, which cannot be sent. */
    private static String readable(String text) {
        return text == null ? null : new String(text.getBytes(UTF_8), UTF_8);
    }

    /** The name of the class that could not be found, empty for another error. */
    private static String missing(Throwable error) {
        for (Throwable each = error; each != null; each = each.getCause()) {
            if (each instanceof ClassNotFoundException || each instanceof NoClassDefFoundError) {
                String name = String.valueOf(each.getMessage()).replace('/', '.');
                // Otherwise the class exists, and its initialisation failed.
                return name.contains(" ") ? "" : name;
            }
        }
        return "";
    }
}
