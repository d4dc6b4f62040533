package dev.smalti.distributed;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * The processes that train one model together, as one of them sees it. All of them must ask for the same things in the same
 * order. For one thread at a time.
 */
public interface Group extends AutoCloseable {
    /** Which process this is, from 0; the first one writes the files. */
    int rank();

    /** Which of the processes of its machine it is, from 0. */
    int localRank();

    /** N, how many there are; at least 1. */
    int size();

    /**
     * Adds up what the processes have, in place, so that all have the same bits.
     *
     * @param tensors of the same shapes in all processes, on any device
     * @throws LostPeerException if another process has gone
     */
    void sum(List<Tensor> tensors);

    /**
     * Gives all what the first process has, in place.
     *
     * @throws LostPeerException if another process has gone
     */
    void broadcast(List<Tensor> tensors);

    /**
     * Whether any process says so; all must ask, and wait for one another here, however long that takes.
     *
     * @throws LostPeerException if another process has gone
     */
    boolean any(boolean own);

    /**
     * Looks whether all processes were given the same. All wait for one another here.
     *
     * @param what it is, for the message
     * @throws IllegalArgumentException in all, if one wasn't given what the first one was
     * @throws LostPeerException if another process has gone
     */
    void requireSame(String what, String text);

    /** Which shard of a row this process takes, where shards of all follow one another: number·N + rank. */
    default long share(long number) {
        return number * size() + rank();
    }

    /** Whether this is the process that writes. */
    default boolean writes() {
        return rank() == 0;
    }

    /** What has been thrown because another process has gone, which libtorch's backward pass passes on as another exception; empty while all is well. */
    default Optional<LostPeerException> lost() {
        return Optional.empty();
    }

    @Override
    void close();

    /** One process by itself. */
    static Group alone() {
        return Alone.ALONE;
    }

    /** The processes that the work on this thread is shared among: one, where nobody says otherwise. */
    static Group now() {
        return CurrentGroup.get();
    }

    /** Does {@code body}, whose work is shared. */
    static <R> R among(Group group, Supplier<R> body) {
        Group before = now();
        CurrentGroup.set(group);
        try {
            return body.get();
        } finally {
            CurrentGroup.set(before);
        }
    }
}
