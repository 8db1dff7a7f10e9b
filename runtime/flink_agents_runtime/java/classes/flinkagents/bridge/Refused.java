package flinkagents.bridge;

/** A value or a function that cannot pass between the languages; the message is for the user. */
final class Refused extends RuntimeException {

    private static final long serialVersionUID = 1L;

    Refused(String message) {
        super(message);
    }

    Refused(String message, Throwable cause) {
        super(message, cause);
    }
}
