package dev.smalti.studio;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.model.GridBatch;
import dev.smalti.model.Model;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The images that clients wait for, of one model. A worker takes the oldest and all others that are drawn alike, whatever their seeds
 * and classes, draws them at once, and decodes them so that an image has the same bytes whatever is drawn beside it.
 */
final class DrawingQueue implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DrawingQueue.class);
    private static final long MOST_HELD = 1L << 30; // bytes
    private static final int EDITED =
            9; // bytes a pixel of an edit: its picture, two masks, and the share of what is drawn
    private static final int RGB = 3;
    private static final double USUAL_SECONDS = 0.1; // of an image, before any was drawn
    private static final long FAREWELL =
            TimeUnit.SECONDS.toNanos(10); // for draws under way, when the server closes down

    private final List<Model> models; // one for each worker
    private final List<Thread> workers = new ArrayList<>();
    private final Deque<Item> waiting = new ArrayDeque<>();
    private final int capacity;
    private final int batch;
    private final Meters.OfModel meters;
    private long held; // bytes, of all tasks that are not answered yet
    private double seconds = USUAL_SECONDS; // of an image, a moving average
    private final GroupDecoder decoder = new GroupDecoder();
    private final AtomicInteger drawing = new AtomicInteger(); // draws under way
    private boolean closed;

    /**
     * One image of a task, or all variations of one.
     *
     * @param together how many like it are drawn at once at most
     */
    private record Item(Task task, int number, int together) {
        boolean isDraw() {
            return task.wish() instanceof Wish.Draw;
        }

        Wish.Draw draw() {
            return (Wish.Draw) task.wish();
        }

        int images() {
            return isDraw() ? 1 : task.wish().count();
        }

        Seed seed() {
            return Model.grid(draw().seed(), number);
        }

        long label() {
            return draw().labels()[number];
        }
    }

    /**
     * @param models of the same weights, each for a worker of its own
     * @param capacity images that may wait
     * @param batch images of the size of training that are drawn at once at most
     */
    DrawingQueue(List<Model> models, int capacity, int batch, Meters.OfModel meters) {
        this.models = List.copyOf(models);
        this.capacity = capacity;
        this.batch = batch;
        this.meters = meters;
        meters.waiting(this::size);
        meters.drawing(drawing::get);
        for (Model model : models) {
            Thread worker = new Thread(
                    () -> work(model), "smalti-draw-" + model.folder().path().getFileName() + "-" + workers.size());
            worker.setDaemon(true);
            workers.add(worker);
            worker.start();
        }
    }

    /** How many images wait. */
    synchronized int size() {
        return waiting.stream().mapToInt(Item::images).sum();
    }

    /**
     * Takes a wish.
     *
     * @param deadline of System.nanoTime
     * @throws ApiException if there is no room for it now, or there never will be
     */
    synchronized Task submit(Wish wish, long deadline) {
        if (closed) {
            throw ApiException.closing();
        }
        if (wish.count() > capacity) {
            throw ApiException.bad(
                    "n",
                    Phrase.of("n must be at most %d, the images that may wait here, got %d")
                            .with(capacity, wish.count()));
        }
        int together = wish instanceof Wish.Draw draw ? together(draw.sampling()) : 1;
        long now = System.nanoTime();
        waiting.removeIf(item -> item.task().isToBeDropped(now)); // what nobody waits for takes no room
        long bytes = bytes(wish);
        if (held > 0 && held + bytes > MOST_HELD) {
            meters.refused();
            throw ApiException.busy(
                    "the images that are asked for already take all the memory for them: try again later", 1);
        }
        int size = size();
        if (size + wish.count() > capacity) {
            meters.refused();
            throw ApiException.busy(
                    Phrase.of("%d images are waiting, and there is room for %d: try again later")
                            .with(size, capacity),
                    (int) Math.ceil(size * seconds / models.size()));
        }
        Task task = new Task(wish, deadline, bytes);
        held += bytes;
        int items = wish instanceof Wish.Draw ? wish.count() : 1;
        for (int number = 0; number < items; number++) {
            waiting.add(new Item(task, number, together));
        }
        notifyAll();
        return task;
    }

    /** What a wish takes of memory until it is answered, about. */
    private long bytes(Wish wish) {
        if (wish instanceof Wish.Retouch retouch) {
            return (long) retouch.edit().size().height()
                    * retouch.edit().size().width()
                    * (EDITED + RGB * wish.count());
        }
        Wish.Draw draw = (Wish.Draw) wish;
        Model model = models.get(0);
        long side = model.tokenizer() == null ? 1 : model.patch();
        return RGB * side * side * model.space(draw.sampling()).length() * draw.count() * (1L + draw.frames());
    }

    /** A task was answered, or nobody waits for it any more: it holds nothing. */
    synchronized void leave(Task task) {
        task.cancel(); // without effect on what is there
        held -= task.bytes();
    }

    private void work(Model model) {
        List<Item> items = take();
        while (items != null) {
            drawing.incrementAndGet();
            try {
                work(model, items);
            } finally {
                drawing.decrementAndGet();
            }
            items = take();
        }
    }

    /** Whatever comes of it, each task is told, and the worker lives on. */
    private void work(Model model, List<Item> items) {
        try {
            Stopping.run(
                    () -> requireWanted(items),
                    () -> Scope.free(() -> {
                        if (items.get(0).isDraw()) {
                            draw(model, items);
                        } else {
                            retouch(model, items.get(0).task());
                        }
                    }));
        } catch (UnsupportedSamplingException e) {
            items.forEach(item -> item.task().fail(ApiException.bad(null, e.getMessage())));
        } catch (CancellationException e) {
            LOG.debug("a draw was stopped: nobody waits for it any more, or the server closes down");
            items.forEach(item -> item.task().fail(ApiException.closing())); // without effect where nobody waits
        } catch (IllegalStateException e) {
            boolean left = isClosed(); // then its model may have been closed under it
            LOG.atLevel(left ? Level.DEBUG : Level.ERROR).setCause(e).log("a draw failed");
            items.forEach(item -> item.task().fail(left ? ApiException.closing() : ApiException.internal()));
        } catch (RuntimeException | Error e) {
            LOG.error("a draw failed", e);
            items.forEach(item -> item.task().fail(ApiException.internal()));
        }
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    /** Asked in every layer of a network. @throws CancellationException if nobody waits for any of them */
    private static void requireWanted(List<Item> items) {
        long now = System.nanoTime();
        for (Item item : items) {
            if (!item.task().isToBeDropped(now)) {
                return;
            }
        }
        throw new CancellationException("nobody waits for this any more");
    }

    /** The oldest and what is drawn like it, waiting until there is some; null once all is closed. */
    private synchronized List<Item> take() {
        List<Item> taken = new ArrayList<>();
        while (taken.isEmpty()) {
            while (waiting.isEmpty() && !closed) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    return null;
                }
            }
            if (closed) {
                return null;
            }
            gather(taken);
        }
        meters.drawnAtOnce(taken.size());
        return taken;
    }

    private void gather(List<Item> taken) {
        long now = System.nanoTime();
        int most = 1;
        for (Iterator<Item> items = waiting.iterator(); items.hasNext() && taken.size() < most; ) {
            Item item = items.next();
            if (item.task().isToBeDropped(now)) {
                items.remove();
            } else if (taken.isEmpty() || alike(taken.get(0), item)) {
                taken.add(item);
                items.remove();
                most = item.together();
            }
        }
    }

    private static boolean alike(Item one, Item other) {
        return one.isDraw()
                && other.isDraw()
                && one.draw().watched() == other.draw().watched() // who is listened to may be drawn by other arithmetic
                && one.draw().sampling().equals(other.draw().sampling());
    }

    /** Fewer where the canvas is larger, so that memory stays the same. */
    private int together(Sampling sampling) {
        Model model = models.get(0);
        return (int) Math.max(
                1,
                batch * model.prior().space().length() / model.space(sampling).length());
    }

    private void draw(Model model, List<Item> items) {
        Sampling sampling = items.get(0).draw().sampling();
        List<Seed> seeds = items.stream().map(Item::seed).toList();
        long[] labels = model.prior().classes() == 0
                ? null
                : items.stream().mapToLong(Item::label).toArray();
        long started = System.nanoTime();
        TokenSpace space = model.space(sampling);
        Watching watching = new Watching(model, items, space);
        Tensor codes = model.codes(new GridBatch(seeds, labels, sampling), watching.watcher(), watching.listener());
        int group = decoder.group(model, space);
        for (int from = 0; from < items.size(); from += group) {
            decode(model, items.subList(from, Math.min(items.size(), from + group)), codes, from, group);
        }
        spent((System.nanoTime() - started) / 1e9, items.size());
    }

    /** Those of a group that somebody still waits for. */
    private void decode(Model model, List<Item> items, Tensor codes, int from, int group) {
        long now = System.nanoTime();
        long[] places = IntStream.range(0, items.size())
                .filter(i -> !items.get(i).task().isToBeDropped(now))
                .mapToLong(i -> from + i)
                .toArray();
        if (places.length == 0) {
            return;
        }
        List<Pixels> images = Scope.value(() -> {
            Tensor wanted = codes.index_select(0, Tensors.longs(places).to(codes.device(), ScalarType.Long));
            return decoder.decode(model, wanted, group);
        });
        for (int i = 0; i < places.length; i++) {
            Item item = items.get((int) places[i] - from);
            item.task().done(item.number(), images.get(i));
        }
    }

    private void retouch(Model model, Task task) {
        long started = System.nanoTime();
        Observer observer = phase -> requireWanted(List.of(new Item(task, 0, 1)));
        ((Wish.Retouch) task.wish()).edit().on(model).draw(batch, observer, task::done);
        spent((System.nanoTime() - started) / 1e9, task.wish().count());
    }

    private synchronized void spent(double drawing, int images) {
        seconds = 0.8 * seconds + 0.2 * drawing / images;
        meters.drawn(images, drawing);
    }

    /** Tells tasks of the steps of a draw, and stops it where nobody waits for it. */
    private static final class Watching {
        private final Model model;
        private final List<Item> items;
        private final int length;
        private final boolean looks;
        private final boolean watched;
        private final float[][] entropies; // of the places that were asked for in this step, by item

        Watching(Model model, List<Item> items, TokenSpace space) {
            this.model = model;
            this.items = items;
            this.length = Math.toIntExact(space.length());
            boolean plain = space.depth() == 1; // else there is no picture of a grid in the making
            this.watched = plain && items.stream().anyMatch(item -> item.draw().watched());
            this.looks = watched
                    || plain && items.stream().anyMatch(item -> item.draw().frames() > 0);
            this.entropies = watched ? new float[items.size()][length] : null;
            forget();
        }

        private void forget() {
            if (watched) {
                for (float[] each : entropies) {
                    Arrays.fill(each, Float.NaN);
                }
            }
        }

        StepWatcher watcher() {
            return StepWatcher.of(looks, this::step);
        }

        GridDraw.Listener listener() {
            return watched ? this::picked : GridDraw.Listener.NOBODY;
        }

        private void step(int done, int of, Tensor xt) {
            requireWanted(items);
            if (!looks || xt == null) {
                return;
            }
            for (int i = 0; i < items.size(); i++) {
                Item item = items.get(i);
                Wish.Draw wish = item.draw();
                if (wish.watched()) {
                    Tensor row = xt.narrow(0, i, 1);
                    item.task().tell(new Task.Step(item.number(), done, of, codes(row), entropies[i].clone()));
                }
                if (isFrame(done, of, wish.frames())) {
                    Tensor row = xt.narrow(0, i, 1);
                    Pixels picture = Scope.value(() -> model.preview(row).get(0));
                    item.task().tell(new Task.Frame(item.number(), done, of, picture));
                }
            }
            forget();
        }

        /** Whether one of so many frames, spread evenly, falls on this step; the last step has its image instead. */
        private static boolean isFrame(int done, int of, int frames) {
            return done < of && (long) done * (frames + 1) / of > (long) (done - 1) * (frames + 1) / of;
        }

        private int[] codes(Tensor row) {
            long masked = model.prior().space().codes();
            long[] all = Tensors.toLongs(row);
            int[] codes = new int[all.length];
            for (int i = 0; i < codes.length; i++) {
                codes[i] = all[i] >= masked ? -1 : (int) all[i];
            }
            return codes;
        }

        private void picked(Tensor at, Tensor logProbabilities, Tensor codes) {
            Scope.free(() -> {
                Tensor normal = logProbabilities.log_softmax(1); // [M, K]
                Tensor bits = normal.exp()
                        .mul(normal.clamp_min(new Scalar(-1e4)))
                        .sum(1)
                        .div(new Scalar(-Math.log(2))); // [M]
                long[] places = Tensors.toLongs(at.cpu());
                double[] values = Tensors.toDoubles(bits.cpu());
                for (int i = 0; i < places.length; i++) {
                    entropies[(int) (places[i] / length)][(int) (places[i] % length)] = (float) values[i];
                }
            });
        }
    }

    /** Lets the draws under way end; what waits is told that it won't be drawn. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            waiting.forEach(item -> item.task().fail(ApiException.closing()));
            waiting.clear();
            notifyAll();
        }
        long end = System.nanoTime() + FAREWELL;
        boolean interrupted = false;
        for (Thread worker : workers) {
            try {
                worker.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
            } catch (InterruptedException e) {
                interrupted = true;
            }
            if (worker.isAlive()) {
                worker.interrupt(); // a draw stops at its next step
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        models.forEach(Model::close);
    }
}
