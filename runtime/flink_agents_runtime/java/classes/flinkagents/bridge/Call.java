package flinkagents.bridge;

import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** One call of Python, which may ask Python back while it runs, on the thread that called. */
final class Call {

    final long number;
    private static final ThreadLocal<Call> CURRENT = new ThreadLocal<>();
    private final Bridge bridge;
    private final BlockingQueue<Answer> answers = new LinkedBlockingQueue<>();
    private volatile Thread thread;

    Call(Bridge bridge, long number) {
        this.bridge = bridge;
        this.number = number;
    }

    void start() {
        thread = Thread.currentThread();
        thread.setContextClassLoader(Bridge.class.getClassLoader());
        CURRENT.set(this);
    }

    static Call current() {
        Call call = CURRENT.get();
        if (call == null) {
            throw new IllegalStateException("resources are for the threads of calls from Python only");
        }
        return call;
    }

    /** Asks Python; its failure is thrown as a {@link PythonException}. */
    Object ask(String question, Object... arguments) {
        if (Thread.currentThread() != thread) {
            throw new IllegalStateException("the context of an action is for the thread of the action only");
        }
        try {
            bridge.send(Bridge.ASK, number, Arrays.asList(question, Arrays.asList(arguments)));
            Answer answer = answers.take();
            Object value = Wire.value(answer.content);
            if (answer.kind == Bridge.FAILED) {
                throw new PythonException((String) value);
            }
            return value;
        } catch (IOException error) {
            throw new IllegalStateException("Python is gone", error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted at the deadline of the call", error);
        }
    }

    void answered(byte kind, byte[] content) {
        answers.add(new Answer(kind, content));
    }

    String stack() {
        StringBuilder text = new StringBuilder();
        Thread at = thread;
        if (at != null) {
            for (StackTraceElement element : at.getStackTrace()) {
                text.append("\tat ").append(element).append('\n');
            }
        }
        return text.toString();
    }

    /** The thread goes on to other calls, which nothing may interrupt. */
    synchronized void end() {
        thread = null;
    }

    synchronized void interrupt() {
        Thread at = thread;
        if (at != null) {
            at.interrupt();
        }
    }

    private static final class Answer {
        final byte kind;
        final byte[] content;

        Answer(byte kind, byte[] content) {
            this.kind = kind;
            this.content = content;
        }
    }
}
