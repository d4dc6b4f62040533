package dev.smalti.draw;

/**
 * A method can't draw as it was asked to: the message names what of the {@link Sampling} it can't honour, and the way out.
 * What was asked for makes sense to other methods; values that make sense to none are an {@link IllegalArgumentException}
 * of their own.
 */
public final class UnsupportedSamplingException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    public UnsupportedSamplingException(String message) {
        super(message);
    }
}
