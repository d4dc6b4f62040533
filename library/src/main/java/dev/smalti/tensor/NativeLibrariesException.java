package dev.smalti.tensor;

/** The native libraries cannot be had; the message says which, why, and what can be done. */
public final class NativeLibrariesException extends RuntimeException {
    public NativeLibrariesException(String message, Throwable cause) {
        super(message, cause);
    }
}
