package dev.smalti.data;

/** Something is wrong with the user's data: the message names the file, the rule, the value and the way out. */
public final class DataException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public DataException(String message) {
        super(message);
    }

    public DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
