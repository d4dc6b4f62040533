package dev.smalti.distributed;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** One process, which has nobody to ask. */
enum Alone implements Group {
    ALONE;

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int localRank() {
        return 0;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public void sum(List<Tensor> tensors) {}

    @Override
    public void broadcast(List<Tensor> tensors) {}

    @Override
    public boolean any(boolean own) {
        return own;
    }

    @Override
    public void requireSame(String what, String text) {}

    @Override
    public void close() {}
}
