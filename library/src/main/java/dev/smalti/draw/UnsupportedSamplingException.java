package dev.smalti.draw;

/** A method can't honour an option of a {@link Sampling}; the message names it, the reason and the way out. */
public final class UnsupportedSamplingException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    public UnsupportedSamplingException(String message) {
        super(message);
    }
}
