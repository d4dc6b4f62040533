package dev.smalti.model;

import dev.smalti.data.Pixels;
import dev.smalti.data.Subset;
import dev.smalti.draw.Canvas;
import dev.smalti.draw.GuidingModel;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.prior.Prior;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.recipe.Nearest;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Native;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.Checkpoints;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A trained prior with the tokenizer of its tokens, ready to draw images inside a Java process.
 *
 * <pre>{@code
 * try (Model model = Model.open("fruits-64")) {
 *     List<Pixels> images = model.images(List.of("cherry-1"), 8, 42, Sampling.USUAL);
 *     Pictures.writePng(Path.of("cherries.png"), Pictures.grid(images, 4, 2));
 * }
 * }</pre>
 *
 * <p>Threads may share a model: they take turns, a batch at a time, so each gets the images that it would get alone. Two
 * models run beside each other.
 *
 * <p>A draw is stopped by whatever its progress throws, or from another thread by interrupting the one that draws: after the
 * step that it is in, it ends with a {@link CancellationException}, and the thread stays interrupted. The model can be drawn
 * from again. Closing the model stops its draws too. Of a closed model, all that needs its weights throws an
 * {@link IllegalStateException}, and so does a draw that was under way.
 */
public final class Model implements Painter, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Model.class);

    private final RunFolder folder;
    private final Device device;
    private final Precision precision;
    private final Prior prior;
    private final Tokenizer tokenizer;

    private final SearchedSteps searched;
    private final List<String> overrides;
    private final Set<Integer> untaught = ConcurrentHashMap.newKeySet(); // classes of which there was a notice

    private GuidingModel guided; // what this is the prior of:
    private Prior guiding; // null for none yet

    private final ReentrantLock turn = new ReentrantLock(true);
    private volatile boolean closed;
    private boolean freed;

    private Model(RunFolder folder, Device device, Precision precision, List<String> overrides) {
        this.overrides = List.copyOf(overrides);
        this.folder = folder;
        this.device = device;
        this.precision = precision;
        this.searched = SearchedSteps.read(folder.path());
        this.prior = folder.prior(device, overrides);
        try {
            RunFolder inside = folder.tokenizerFolder();
            this.tokenizer = inside == null ? null : inside.tokenizer(device);
        } catch (RuntimeException e) {
            prior.close();
            throw e;
        }
    }

    /**
     * Opens the run folder of a prior, or a bundled model by its name, on a GPU if there is one.
     *
     * @throws JobException if it is none, or of another version
     */
    public static Model open(String pathOrName) {
        return open(pathOrName, "auto");
    }

    /** {@link #open(String)} on a device: {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N}. */
    public static Model open(String pathOrName, String device) {
        return open(pathOrName, device, List.of());
    }

    /** {@link #open(String, String)} with changes to the prior's recipe, which its weights must fit. */
    public static Model open(String pathOrName, String device, List<String> overrides) {
        return open(pathOrName, Opening.on(device), overrides);
    }

    /** {@link #open(String)} on a device, in a precision, with the weights of a checkpoint. */
    public static Model open(String pathOrName, Opening opening) {
        return open(pathOrName, opening, List.of());
    }

    /**
     * {@link #open(String, Opening)} with changes to the prior's recipe, which its weights must fit.
     *
     * @param overrides such as {@code prior.steps=100}
     * @throws JobException if it is no prior's run folder, or has no such checkpoint
     * @throws IllegalArgumentException if the machine has no such device, or the device no such precision
     * @throws dev.smalti.recipe.RecipeException if the recipe has no such key or it can't have such a value
     * @throws dev.smalti.tensor.NativeLibrariesException if the native libraries can't be unpacked or loaded
     */
    public static Model open(String pathOrName, Opening opening, List<String> overrides) {
        RunFolder folder = RunFolder.open(pathOrName).at(opening.checkpoint());
        Native.load(); // else whoever comes first fails with its class
        Device place = Scope.hold(opening.place());
        return new Model(folder, place, opening.precisionOn(place), overrides);
    }

    /**
     * The prior itself. What is asked of it directly waits for no turn, so one thread alone may do that.
     *
     * @throws IllegalStateException if the model is closed
     */
    public Prior prior() {
        requireOpen();
        return prior;
    }

    /** K, h, w and T of the grids that are drawn so: those of training, or those of the canvas. */
    @Override
    public TokenSpace space(Sampling sampling) {
        Canvas canvas = sampling.canvas();
        return canvas == null ? prior.space() : prior.space().sized(canvas.height(), canvas.width());
    }

    /**
     * The canvas of images of another size than those of training.
     *
     * @param height in pixels
     * @param width in pixels
     * @param stride of the windows in tokens; 0 for the usual
     * @throws JobException naming the nearest sizes that work if this one doesn't, or the strides
     */
    public Canvas canvas(int height, int width, int stride) {
        int patch = patch();
        String below = nearest(height, prior.space().height(), false) + "x"
                + nearest(width, prior.space().width(), false);
        String above = nearest(height, prior.space().height(), true) + "x"
                + nearest(width, prior.space().width(), true);
        if (!below.equals(height + "x" + width)) {
            throw new JobException(Phrase.of(
                            "size must be whole tokens, %d pixels each, and at least %dx%d, on which %s was trained, got %dx%d:"
                                    + " the nearest that works is %s")
                    .with(
                            patch,
                            prior.space().height() * patch,
                            prior.space().width() * patch,
                            folder.path(),
                            height,
                            width,
                            below.equals(above) ? below : below + " or " + above));
        }
        if ((long) height * width > Pixels.MOST) {
            throw new JobException(Phrase.of(
                            "size must be at most %,d pixels, the most that can be read again, got %dx%d, which are %,d")
                    .with(Pixels.MOST, height, width, (long) height * width));
        }
        int longest = Math.min(prior.space().height(), prior.space().width());
        if (stride < 0 || stride > longest) {
            throw new JobException(Phrase.of(
                            "stride must be from 1 to %d, the smaller side of the %s tokens that %s was trained on, got %d")
                    .with(longest, prior.space().grid(), folder.path(), stride));
        }
        return new Canvas(height / patch, width / patch, stride);
    }

    /**
     * The sampling on the canvas of images of that size, and as it is if they are of the size of training, which every method
     * can draw.
     *
     * @param stride of the windows in tokens; 0 for the usual
     * @throws JobException as {@link #canvas} does
     */
    public Sampling sized(Sampling sampling, int height, int width, int stride) {
        Sampling sized = sampling.canvas(canvas(height, width, stride));
        return space(sized).equals(prior.space()) ? sampling : sized;
    }

    /** The pixels of whole tokens, no fewer than {@code least}, that are nearest to {@code side} from below or above. */
    private int nearest(int side, int least, boolean above) {
        int tokens = above ? (side + patch() - 1) / patch() : side / patch();
        return Math.max(least, tokens) * patch();
    }

    /** Pixels a token along a side. */
    @Override
    public int patch() {
        if (tokenizer() == null) {
            throw noTokenizer();
        }
        return tokenizer.factor();
    }

    private JobException noTokenizer() {
        return new JobException(folder.path() + " has no tokenizer, so it can draw tokens but not images:"
                + " use --format tokens, or train the prior with --tokenizer");
    }

    /**
     * Null if the run folder has no tokenizer. What is asked of it directly waits for no turn, as with {@link #prior}.
     *
     * @throws IllegalStateException if the model is closed
     */
    public Tokenizer tokenizer() {
        requireOpen();
        return tokenizer;
    }

    /** At the checkpoint that was opened. */
    public RunFolder folder() {
        return folder;
    }

    /** The step of the checkpoint that was opened. */
    public long step() {
        return Checkpoints.step(folder.checkpoint());
    }

    /** Changes to the recipe that it was opened with. */
    public List<String> overrides() {
        return overrides;
    }

    public Device device() {
        return device;
    }

    public Precision precision() {
        return precision;
    }

    /** The names of the classes; empty for an unconditional model, numbers where the tokens named none. */
    public List<String> classNames() {
        List<String> names = folder.description().classNames();
        if (!names.isEmpty() || prior.classes() == 0) {
            return names;
        }
        List<String> numbers = new ArrayList<>();
        for (int i = 0; i < prior.classes(); i++) {
            numbers.add(Integer.toString(i));
        }
        return numbers;
    }

    /**
     * The labels of {@code count} grids: of the named classes in turn, or evenly of all classes that training had grids of, in
     * an order that follows from the seed.
     *
     * @return null for an unconditional model
     * @throws JobException naming the nearest class if one is unknown
     */
    public long[] labels(List<String> named, int count, long seed) {
        if (prior.classes() == 0) {
            if (!named.isEmpty()) {
                label(named.get(0)); // refuses it
            }
            return null;
        }
        long[] labels = new long[count];
        if (named.isEmpty()) {
            List<Integer> occurring = folder.description().occurring();
            int all = occurring == null ? prior.classes() : occurring.size();
            int[] order = Subset.shuffled(all, new Seed(seed).child("labels"));
            for (int i = 0; i < count; i++) {
                int place = order[i % order.length];
                labels[i] = occurring == null ? place : occurring.get(place);
            }
            return labels;
        }
        for (int i = 0; i < count; i++) {
            labels[i] = label(named.get(i % named.size()));
        }
        return labels;
    }

    /**
     * The label of a class, with a notice, once, if training had no grid of it.
     *
     * @throws JobException naming the nearest class if it is unknown, or if the model has no classes
     */
    public long label(String name) {
        if (prior.classes() == 0) {
            throw new JobException(
                    "label " + name + " can't be given: " + folder.path() + " was trained without classes");
        }
        List<String> known = classNames();
        int index = known.indexOf(RunFolder.Description.composed(name));
        if (index < 0) {
            throw new JobException("there is no class " + name
                    + Nearest.name(name, known)
                            .map(near -> "; did you mean " + near + "?")
                            .orElse("")
                    + " (smalti info lists the " + known.size() + " classes)");
        }
        List<Integer> occurring = folder.description().occurring();
        if (occurring != null && Collections.binarySearch(occurring, index) < 0 && untaught.add(index)) {
            LOG.warn("training had no grid of class {}: what is drawn of it, nothing has taught the model", name);
        }
        return index;
    }

    /**
     * Draws images; the i-th depends on the seed, on i and on its class alone.
     *
     * @param named classes in turn; empty for all classes evenly
     * @throws CancellationException if the thread is interrupted
     * @throws IllegalStateException if the model is closed, be it meanwhile
     */
    public List<Pixels> images(List<String> named, int count, long seed, Sampling sampling) {
        return images(named, count, seed, sampling, done -> {});
    }

    /**
     * {@link #images(List, int, long, Sampling)} with its progress.
     *
     * @param progress told after every step, on this thread, of the images done, counting those in the making by their
     *     steps, {@code count} at last; what it throws stops the draw
     */
    public List<Pixels> images(List<String> named, int count, long seed, Sampling sampling, LongConsumer progress) {
        requireOpen();
        long[] labels = labels(named, count, seed);
        return new Drawing(this, labels, count, seed, sampling).images(64, progress);
    }

    /**
     * Draws grids.
     *
     * @param watcher told after each step; it stops the draw by throwing
     * @return int64 [size, h, w], or [size, T, h, w] where there are several codes at each place, of the size of the canvas
     *     where there is one
     * @throws dev.smalti.draw.UnsupportedSamplingException naming what of the sampling the method can't honour, such as a
     *     canvas of another size
     */
    @Override
    public Tensor codes(GridBatch batch, StepWatcher watcher) {
        return codes(batch, watcher, GridDraw.Listener.NOBODY);
    }

    /**
     * The same with a listener, which is told in each step what is drawn from; the watcher is told after it.
     *
     * <p>Either stops the draw by throwing.
     *
     * @throws CancellationException if the thread is interrupted
     * @throws IllegalStateException if the model is closed, be it meanwhile
     */
    public Tensor codes(GridBatch batch, StepWatcher watcher, GridDraw.Listener listener) {
        return inTurn(() -> {
            Sampling sampling = bestSteps(batch.sampling());
            RandomStreams streams = RandomStreams.of(batch.seeds(), device);
            Prior other = guiding(sampling);
            GridDraw draw = (other == null ? prior.draw(sampling, streams) : prior.draw(sampling, streams, other))
                    .labels(batch.labels() == null ? null : Tensors.longs(batch.labels()))
                    .known(batch.known(), batch.from())
                    .watcher(stopping(watcher))
                    .listener(listener);
            return prior.sample(draw);
        });
    }

    /**
     * The run from whose weights guidance leads away, at its checkpoint; empty where it leads away from no model.
     *
     * @throws JobException if there is no such run, or no such checkpoint
     */
    public Optional<RunFolder> guidingRun(Sampling sampling) {
        GuidingModel wished = sampling.guidance().guiding();
        if (wished == null) {
            return Optional.empty();
        }
        String name = wished.model();
        RunFolder run = name == null ? RunFolder.open(folder.path()) : RunFolder.open(name);
        return Optional.of(run.at(wished.checkpoint()));
    }

    /**
     * Opens the model from which guidance leads away, if it leads away from one, before anything is drawn; it stays open until
     * there is another, or this one is closed.
     *
     * @throws JobException if there is no such run, or no such checkpoint
     * @throws UnsupportedSamplingException if it can't guide this one
     */
    public void requireGuiding(Sampling sampling) {
        inTurn(() -> {
            Prior other = guiding(sampling);
            if (other != null) {
                prior.requireGuiding(other);
            }
            return null;
        });
    }

    /** Null where guidance leads away from no model. */
    private Prior guiding(Sampling sampling) {
        GuidingModel wished = sampling.guidance().guiding();
        if (wished == null) {
            return null;
        }
        if (!wished.equals(guided)) {
            RunFolder run = guidingRun(sampling).orElseThrow();
            requireOther(run);
            closeGuiding();
            guiding = run.prior(device, wished.model() == null ? overrides : List.of());
            guided = wished;
        }
        return guiding;
    }

    /** Looks at what folders say; the network itself is looked at by the prior. */
    private void requireOther(RunFolder run) {
        if (run.checkpoint()
                .toAbsolutePath()
                .normalize()
                .equals(folder.checkpoint().toAbsolutePath().normalize())) {
            throw new UnsupportedSamplingException(Phrase.of(
                            "guidance away from %s would be away from the very weights that are drawn from: choose another"
                                    + " checkpoint, such as an earlier step, or another run")
                    .with(run.checkpoint()));
        }
        String own = folder.description().tokenizer();
        String other = run.description().tokenizer();
        if (own != null && other != null && !own.equals(other)) {
            throw new UnsupportedSamplingException(
                    Phrase.of("%s knows tokens of tokenizer %s, and %s those of %s: take a model of the same tokens")
                            .with(run.path(), other, folder.path(), own));
        }
        List<String> names = run.description().classNames();
        if (!names.isEmpty() && !classNames().isEmpty() && !names.equals(classNames())) {
            throw new UnsupportedSamplingException(Phrase.of(
                            "the classes of %s are others than those of %s, or in another order: take a model of the same classes")
                    .with(run.path(), folder.path()));
        }
    }

    private void closeGuiding() {
        if (guiding != null) {
            guiding.close();
        }
        guiding = null;
        guided = null;
    }

    /**
     * By the best times known for so many steps, where a search has found some; where no number is asked for, for the usual one, but of a
     * canvas, which takes more, or with an entropy bound, which takes as many as it needs.
     */
    public Sampling bestSteps(Sampling sampling) {
        return searched.best(sampling, prior instanceof SearchableSteps own ? own.usualSteps() : 0);
    }

    /**
     * Pictures of grids in the making, as a {@link StepWatcher} sees them: grey where masked.
     *
     * @param xt int64 [B, h, w], K where masked
     * @throws JobException if there is no tokenizer, or it gives several codes a place
     */
    public List<Pixels> preview(Tensor xt) {
        if (prior.space().depth() > 1) {
            throw new JobException("grids in the making have no picture where a place has several codes");
        }
        TokenSpace space = prior.space().sized(Math.toIntExact(xt.size(1)), Math.toIntExact(xt.size(2)));
        int length = Math.toIntExact(space.length());
        long[] all = Tensors.toLongs(xt);
        List<long[]> grids = new ArrayList<>();
        for (int begin = 0; begin < all.length; begin += length) {
            grids.add(Arrays.copyOfRange(all, begin, begin + length));
        }
        return new Preview(this, space).of(grids);
    }

    /**
     * Looks whether this model can have been trained on such tokens.
     *
     * @param path what messages call the file
     * @throws JobException if they are of another size, tokenizer or number of classes
     */
    public void requireOwn(TokenFile file, Path path) {
        TokenSpace own = prior.space();
        if (!file.space().equals(own)) {
            throw new JobException(path + " has " + file.space().text() + ", and the model was trained on " + own.text()
                    + ": encode with its own tokenizer");
        }
        if (own.depth() > 1 && file.noiseSeeds().isEmpty()) {
            throw new JobException(
                    path + " has no noise_seeds, and the model knows codes by their noise: encode with its"
                            + " own tokenizer");
        }
        String known = folder.description().tokenizer();
        if (known != null
                && file.tokenizer().isPresent()
                && !file.tokenizer().get().equals(known)) {
            throw new JobException(
                    path + " was made by tokenizer " + file.tokenizer().get()
                            + ", and the model was trained on tokens of " + known + ": encode with its own tokenizer");
        }
        if (prior.classes() > 0 && file.classes() > prior.classes()) {
            throw new JobException(
                    path + " has " + file.classes() + " classes, and the model knows " + prior.classes());
        }
    }

    /** From which all of a grid is drawn. */
    public static Seed grid(long seed, long number) {
        return GridBatch.grid(seed, number);
    }

    /**
     * int64 [B, h, w] or [B, T, h, w] -> [B, 3, H, W] in about [-1, 1]
     *
     * @throws JobException if the run folder has no tokenizer
     * @throws IllegalStateException if the model is closed
     */
    @Override
    public Tensor decode(Tensor codes) {
        if (tokenizer() == null) {
            throw noTokenizer();
        }
        return inTurn(() -> {
            tokenizer.parameters().training(false);
            return tokenizer.decode(codes.to(device, ScalarType.Long));
        });
    }

    /**
     * Images in [-1, 1], whose sides tile into tokens -> their codes. [B, 3, H, W] -> int64 [B, h, w] or [B, T, h, w]
     *
     * @param noise a seed for each image, for a tokenizer that adds noise
     * @throws JobException if the run folder has no tokenizer
     * @throws IllegalStateException if the model is closed
     */
    public Tensor encode(Tensor images, long[] noise) {
        if (tokenizer() == null) {
            throw new JobException(folder.path() + " has no tokenizer, so it can't take images:"
                    + " train the prior with --tokenizer");
        }
        return inTurn(() -> {
            tokenizer.parameters().training(false);
            return tokenizer.encode(images.to(device, ScalarType.Float), noise);
        });
    }

    /**
     * Computes with the weights, without gradients, while no other thread does. A thread that has its turn may take another
     * inside, such as a preview in the middle of a draw.
     */
    private Tensor inTurn(Supplier<Tensor> computation) {
        requireOpen();
        try {
            turn.lockInterruptibly();
        } catch (InterruptedException e) {
            throw stopped();
        }
        try {
            requireOpen();
            return Scope.keep(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    return precision.run(device, computation);
                }
            });
        } finally {
            turn.unlock();
        }
    }

    /** A watcher that ends the draw where it should. */
    private StepWatcher stopping(StepWatcher watcher) {
        return StepWatcher.of(watcher.looks(), (done, of, xt) -> {
            watcher.step(done, of, xt);
            requireOpen();
            if (Thread.currentThread().isInterrupted()) {
                throw stopped();
            }
        });
    }

    private CancellationException stopped() {
        Thread.currentThread().interrupt();
        return new CancellationException("the draw was stopped: its thread was interrupted");
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "this model is closed: " + folder.path() + "; open it again to draw from it");
        }
    }

    /**
     * Frees the weights. A draw of another thread is stopped first; further calls do nothing.
     *
     * @throws IllegalStateException if this very thread is drawing, since its progress calls this
     */
    @Override
    public void close() {
        if (turn.isHeldByCurrentThread()) {
            throw new IllegalStateException(
                    "a model can't be closed by its own draw: throw from the progress to stop it, and close it then");
        }
        closed = true;
        turn.lock();
        try {
            if (!freed) {
                freed = true;
                prior.close();
                closeGuiding();
                if (tokenizer != null) {
                    tokenizer.close();
                }
            }
        } finally {
            turn.unlock();
        }
    }
}
