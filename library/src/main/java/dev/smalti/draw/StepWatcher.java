package dev.smalti.draw;

import org.bytedeco.pytorch.Tensor;

/** Sees the grids as they come to be. It stops a draw by throwing. */
@FunctionalInterface
public interface StepWatcher {
    /** Looks away. */
    StepWatcher NONE = counting((done, of) -> {});

    /** Counts the steps. */
    @FunctionalInterface
    interface Counter {
        /** @param done steps taken, 1..of */
        void step(int done, int of);
    }

    /**
     * @param done steps taken, 1..of
     * @param xt int64 [B, h, w] or [B, T, h, w], K where masked or not drawn yet; on the CPU, for the time of this call. Null
     *     for one that doesn't look
     */
    void step(int done, int of, Tensor xt);

    /** Whether it looks at the grids, which are brought from a GPU for it after every step. */
    default boolean looks() {
        return true;
    }

    /** One that counts the steps and doesn't look at the grids. */
    static StepWatcher counting(Counter counter) {
        return of(false, (done, of, xt) -> counter.step(done, of));
    }

    /** What {@code watcher} does, given the grids or not. */
    static StepWatcher of(boolean looks, StepWatcher watcher) {
        return new StepWatcher() {
            @Override
            public void step(int done, int of, Tensor xt) {
                watcher.step(done, of, xt);
            }

            @Override
            public boolean looks() {
                return looks;
            }
        };
    }
}
