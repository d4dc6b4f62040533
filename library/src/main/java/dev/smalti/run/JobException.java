package dev.smalti.run;

/** Something that was asked for can't be done as asked; the message says what, why and the way out. */
public final class JobException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public JobException(String message) {
        super(message);
    }

    public JobException(String message, Throwable cause) {
        super(message, cause);
    }
}
