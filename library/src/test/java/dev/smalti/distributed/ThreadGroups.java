package dev.smalti.distributed;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/** Groups whose members are threads of one process, for what is quick to compare. */
public final class ThreadGroups {
    private static final long SECONDS = 60; // that a member waits for another

    private ThreadGroups() {}

    /** Lets so many members do their parts at once. @return what they give, in the order of the ranks */
    public static <R> List<R> run(int size, IntFunction<R> body)
            throws InterruptedException, ExecutionException, TimeoutException {
        ExecutorService threads = Executors.newFixedThreadPool(size);
        try {
            Shared shared = new Shared(size);
            List<Future<R>> futures = new ArrayList<>();
            for (int rank = 0; rank < size; rank++) {
                int own = rank;
                futures.add(threads.submit(
                        () -> Group.among(new Member(own, shared), () -> Scope.value(() -> body.apply(own)))));
            }
            List<R> results = new ArrayList<>();
            for (Future<R> each : futures) {
                results.add(each.get(SECONDS, TimeUnit.SECONDS));
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    private static final class Shared {
        private final double[][][] values; // of each member, of each tensor
        private final CyclicBarrier barrier;

        Shared(int size) {
            values = new double[size][][];
            barrier = new CyclicBarrier(size);
        }

        void await() {
            try {
                barrier.await(SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
                throw new LostPeerException("a member has gone", e);
            }
        }
    }

    private record Member(int rank, Shared shared) implements Group {
        @Override
        public int localRank() {
            return rank;
        }

        @Override
        public int size() {
            return shared.values.length;
        }

        @Override
        public void sum(List<Tensor> tensors) {
            exchange(tensors, (tensor, at) -> {
                double[] sum = new double[at[0].length];
                for (double[] each : at) {
                    for (int i = 0; i < sum.length; i++) {
                        sum[i] += each[i];
                    }
                }
                return sum;
            });
        }

        @Override
        public void broadcast(List<Tensor> tensors) {
            exchange(tensors, (tensor, at) -> at[0]);
        }

        private interface Choice {
            double[] of(int tensor, double[][] members);
        }

        private void exchange(List<Tensor> tensors, Choice choice) {
            shared.values[rank] = tensors.stream().map(Tensors::toDoubles).toArray(double[][]::new);
            shared.await();
            for (int i = 0; i < tensors.size(); i++) {
                double[][] all = new double[size()][];
                for (int member = 0; member < all.length; member++) {
                    all[member] = shared.values[member][i];
                }
                try (NoGradGuard guard = new NoGradGuard()) {
                    Tensor own = tensors.get(i);
                    own.copy_(Tensors.doubles(choice.of(i, all)).view_as(own));
                }
            }
            shared.await();
        }

        @Override
        public boolean any(boolean own) {
            Tensor count = Tensors.longs(own ? 1 : 0);
            sum(List.of(count));
            return count.item_long() > 0;
        }

        @Override
        public void requireSame(String what, String text) {}

        @Override
        public void close() {}
    }
}
