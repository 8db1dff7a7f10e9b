package flinkagents.bridge;

/** An exception that Python raised while Java waited for its answer; the message holds its traceback. */
public final class PythonException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    PythonException(String message) {
        super(message);
    }
}
