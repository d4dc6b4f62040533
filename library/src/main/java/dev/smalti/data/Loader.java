package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decodes and prepares batches on background threads. What comes out doesn't depend on their number. */
final class Loader implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Loader.class);
    private static final long ASKED_EVERY = 200; // milliseconds

    private final ImageSet set;
    private final Preparation preparation;
    private final int batch;
    private final int views;
    private final Set<Integer> upright;
    private final boolean skipBad;
    private final int threads;
    private final ExecutorService workers;
    private final Set<Integer> bad = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    /** @throws IllegalArgumentException if a batch would have no pictures, or 2 GiB of bytes */
    Loader(ImageSet set, Preparation preparation, int batch, boolean skipBad, int threads) {
        this(set, preparation, batch, 1, Set.of(), skipBad, threads);
    }

    /**
     * @param views of each picture; of more than one, all are made of what was decoded once
     * @param upright classes whose pictures have no mirrored view
     */
    Loader(
            ImageSet set,
            Preparation preparation,
            int batch,
            int views,
            Set<Integer> upright,
            boolean skipBad,
            int threads) {
        if (set.size() < 1 || batch < 1 || threads < 1) {
            throw new IllegalArgumentException(
                    Phrase.of("pictures, batch and threads must be at least 1, got %d, %d, %d")
                            .with(set.size(), batch, threads));
        }
        if ((long) batch * views * bytes(preparation) > Bytes.MOST_IN_MEMORY) {
            throw new IllegalArgumentException(Phrase.of("batch must be at most %d at image size %d%s, got %d")
                    .with(
                            Bytes.MOST_IN_MEMORY / bytes(preparation) / views,
                            preparation.size(),
                            views == 1 ? "" : Phrase.of(" and %d views").with(views),
                            batch));
        }
        this.batch = batch;
        this.views = views;
        this.upright = Set.copyOf(upright);
        this.set = set;
        this.preparation = preparation;
        this.skipBad = skipBad;
        this.threads = threads;
        workers = Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "smalti-images");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** A batch on its way. Item {@code i} is picture {@code indices[i]}, prepared at random by {@code seeds[i]}. */
    final class Pending {
        final int[] indices;
        private final Seed[] seeds;
        private final boolean replace;
        private final byte[] rgb;
        private final long[] labels;
        private final boolean[] good;
        private final List<Future<?>> parts = new ArrayList<>();

        private Pending(int[] indices, Seed[] seeds, boolean replace) {
            this.indices = indices;
            this.seeds = seeds;
            this.replace = replace;
            rgb = new byte[views * indices.length * bytes(preparation)];
            labels = new long[indices.length];
            good = new boolean[indices.length];
        }

        /** @throws DataException naming a broken file, where those are not skipped */
        Loaded await() {
            try {
                for (Future<?> part : parts) {
                    await(part);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while waiting for pictures", e);
            } catch (CancellationException e) {
                throw new IllegalStateException("these batches are closed", e);
            } catch (ExecutionException e) {
                cancel();
                if (e.getCause() instanceof DataException data) {
                    throw new DataException(data.getMessage(), data);
                }
                throw new IllegalStateException("pictures could not be prepared", e.getCause());
            }
            return new Loaded(rgb, labels, good);
        }

        /** Asks meanwhile whether to go on waiting. */
        private static void await(Future<?> part) throws InterruptedException, ExecutionException {
            boolean waiting = true;
            while (waiting) {
                Stopping.check();
                try {
                    part.get(ASKED_EVERY, TimeUnit.MILLISECONDS);
                    waiting = false;
                } catch (TimeoutException e) {
                    // they are large pictures
                }
            }
        }

        void cancel() {
            parts.forEach(part -> part.cancel(false));
        }

        private void load(int part) {
            for (int i = part; i < indices.length && !closed; i += threads) {
                good[i] = replace ? loadOrReplace(i) : load(i, indices[i]);
            }
        }

        /** Tries pictures from a random one on in place of a broken one; which one it is depends on the seed alone. */
        private boolean loadOrReplace(int i) {
            if (load(i, indices[i])) {
                return true;
            }
            int start = seeds[i].child("instead").random().nextInt(set.size());
            for (int tried = 0; tried < set.size() && !closed; tried++) {
                if (load(i, (int) (((long) start + tried) % set.size()))) {
                    return true;
                }
            }
            throw new DataException(Phrase.of("not one of %,d pictures can be decoded, %s for one; replace them")
                    .with(set.size(), set.name(indices[i])));
        }

        private boolean load(int i, int index) {
            if (bad.contains(index)) {
                return false;
            }
            try {
                Pixels picture = set.read(index);
                int label = set.label(index);
                for (int view = 0; view < views; view++) {
                    byte[] prepared = views == 1
                            ? preparation.apply(picture, seeds[i].random())
                            : preparation.view(picture, view, upright.contains(label), seeds[i]);
                    int place = view * indices.length + i;
                    System.arraycopy(prepared, 0, rgb, place * prepared.length, prepared.length);
                }
                labels[i] = label;
                return true;
            } catch (DataException e) {
                if (!skipBad) {
                    throw e;
                }
                if (bad.add(index)) {
                    LOG.warn("skipped: {}", e.getMessage());
                }
                return false;
            }
        }
    }

    /** Prepared pictures as RGB bytes [V, B, size, size, 3], with their labels, and which of them are there. */
    record Loaded(byte[] rgb, long[] labels, boolean[] good) {}

    /** @param replace whether others take the place of broken pictures */
    Pending start(int[] indices, Seed[] seeds, boolean replace) {
        if (closed) {
            throw new IllegalStateException("these batches are closed");
        }
        Pending pending = new Pending(indices, seeds, replace);
        for (int part = 0; part < Math.min(threads, indices.length); part++) {
            int first = part;
            pending.parts.add(workers.submit(() -> pending.load(first)));
        }
        return pending;
    }

    /** How many batches to prepare in advance: four, or fewer where those would take more than 256 MB. */
    int ahead() {
        return (int) Math.max(1, Math.min(4, (256L << 20) / ((long) batch * views * bytes(preparation))));
    }

    long skipped() {
        return bad.size();
    }

    @Override
    public void close() {
        closed = true;
        workers.shutdown();
        try {
            workers.awaitTermination(10, TimeUnit.SECONDS); // so that the set may be closed next
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static int bytes(Preparation preparation) {
        return 3 * preparation.size() * preparation.size();
    }
}
