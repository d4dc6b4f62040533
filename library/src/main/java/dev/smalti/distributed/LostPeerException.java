package dev.smalti.distributed;

/** Another of the processes that train together has gone, so this one can't go on. */
public final class LostPeerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public LostPeerException(String message) {
        super(message);
    }

    LostPeerException(String message, Throwable cause) {
        super(message, cause);
    }
}
