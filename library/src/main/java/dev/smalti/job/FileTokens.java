package dev.smalti.job;

import dev.smalti.data.Subset;
import dev.smalti.distributed.Group;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The grids of a token file or of a folder of them, of which a share, or another file, is held out. */
final class FileTokens implements TokenSource {
    private static final Logger LOG = LoggerFactory.getLogger(FileTokens.class);

    private final Path tokens;
    private final PriorRecipe recipe;
    private final Device device;
    private final TokenFile file;
    private final TokenFile other; // null if a share of the file is held out
    private final RunFolder tokenizer;
    private final int[] held;
    private final Shuffled batches;
    private final int part;

    /**
     * @param other held-out tokens; null for a share of these
     * @param tokenizer run folder or name of a bundled model; null for the one that the token file names
     * @param group of the processes that share a batch
     */
    FileTokens(Path tokens, Path other, Path tokenizer, PriorRecipe recipe, Seed seed, Device device, Group group) {
        if (recipe.data() != null) {
            throw new JobException("data of the recipe says how images are prepared that are encoded while a prior is"
                    + " trained, and tokens are so already: leave it out, and give --crop and --flip to encode");
        }
        this.part = TrainTokenizer.part(recipe.training(), group);
        this.tokens = tokens;
        this.device = device;
        this.recipe = other == null ? recipe : recipe.withoutShare();
        this.file = TokenFile.read(tokens);
        TokenFile measured = null;
        try {
            measured = other == null ? null : heldOut(other);
            this.tokenizer = tokenizer(tokenizer);
            int size = size(file, tokens);
            if (size < 2) {
                throw new JobException(tokens + " has only " + size + " grid; training needs more");
            }
            int[] order = shuffled(size, file.copies(), seed.child("held out"));
            int out = Subset.heldOutSize(size / file.copies(), this.recipe.heldOut()) * file.copies();
            this.held = measured == null
                    ? Arrays.copyOf(order, out)
                    : shuffled(size(measured, other), measured.copies(), seed.child("held out"));
            this.batches = new Shuffled(Arrays.copyOfRange(order, out, size), seed.child("data"));
        } catch (RuntimeException e) {
            if (measured != null) {
                measured.close();
            }
            file.close();
            throw e;
        }
        this.other = measured;
    }

    private static int size(TokenFile file, Path path) {
        if (file.size() >= Integer.MAX_VALUE) {
            throw new JobException(
                    Phrase.of("%s has %d grids; training takes fewer than %d: encode fewer views or noises,"
                                    + " or train on images by --data")
                            .with(path, file.size(), Integer.MAX_VALUE));
        }
        return (int) file.size();
    }

    private TokenFile heldOut(Path path) {
        TokenFile read = TokenFile.read(path);
        file.mismatch(read).ifPresent(different -> {
            read.close();
            throw new JobException(Phrase.of("%s can't be held out from a training on %s, they differ: %s")
                    .with(path, tokens, different));
        });
        return read;
    }

    /** All grids in an order of chance, those of an image together, so that none of it is both held out and trained on. */
    static int[] shuffled(int size, int copies, Seed seed) {
        int[] images = Subset.shuffled(size / copies, seed);
        int[] order = new int[size];
        for (int i = 0; i < size; i++) {
            order[i] = images[i / copies] * copies + i % copies;
        }
        return order;
    }

    /** The tokenizer's run folder; null, with a warning, if it can't be found. */
    private RunFolder tokenizer(Path given) {
        if (given != null) {
            return matching(Encoding.tokenizerOf(RunFolder.open(given.toString())));
        }
        if (file.tokenizerRun().isEmpty()) {
            return null;
        }
        Path named = Path.of(file.tokenizerRun().get());
        if (!Files.exists(named.resolve("model.json"))) {
            LOG.warn(
                    "the tokenizer that {} names is no longer at {}: this prior will generate tokens, not images;"
                            + " --tokenizer says where it is now",
                    tokens,
                    named);
            return null;
        }
        return matching(RunFolder.open(named));
    }

    private RunFolder matching(RunFolder folder) {
        if (file.tokenizer().isEmpty()) {
            return folder.at(Opening.AUTO);
        }
        String made = file.tokenizer().get();
        return folder.withFingerprint(made) // whichever checkpoint it was
                .orElseThrow(() -> new JobException(tokens + " was made by tokenizer " + made + ", and " + folder.path()
                        + " is " + folder.fingerprint() + ": encode again, or give the right one with --tokenizer"));
    }

    @Override
    public String name() {
        return tokens.toString();
    }

    @Override
    public PriorRecipe recipe() {
        return recipe;
    }

    @Override
    public TokenFile facts() {
        return file;
    }

    @Override
    public int[] occurring() {
        return file.occurring();
    }

    @Override
    public RunFolder tokenizer() {
        return tokenizer;
    }

    @Override
    public String fingerprint() {
        return file.fingerprint();
    }

    @Override
    public Map<String, String> parents() {
        Map<String, String> parents = new LinkedHashMap<>();
        file.tokenizer().ifPresent(fingerprint -> parents.put("tokenizer", fingerprint));
        if (other != null) {
            parents.put("held_out", other.fingerprint());
        }
        return parents;
    }

    @Override
    public TokenBatch batch(long number) {
        return batch(file, batches.batch(number, part), device);
    }

    @Override
    public HeldOutGrids heldOut() {
        return new HeldOutGrids(other == null ? file : other, held);
    }

    /** Grids of a file. Codes and labels are on the device, noise seeds on the CPU. */
    static TokenBatch batch(TokenFile file, int[] indices, Device device) {
        Tensor which = Tensors.longs(Arrays.stream(indices).asLongStream().toArray());
        Tensor codes = Devices.send(file.batchCodes(which).flatten(1, -1), device, ScalarType.Long);
        Tensor labels = Devices.send(file.batchLabels(which), device, ScalarType.Long);
        return new TokenBatch(codes, labels, file.batchNoiseSeeds(which).orElse(null));
    }

    @Override
    public void close() {
        if (other != null) {
            other.close();
        }
        file.close();
    }

    /** An endless stream of items, each once an epoch, in an order that follows from seed and epoch. */
    private static final class Shuffled {
        private final int[] items;
        private final Seed seed;
        private long epoch = -1;
        private int[] order;

        Shuffled(int[] items, Seed seed) {
            this.items = items;
            this.seed = seed;
        }

        int[] batch(long number, int size) {
            int[] batch = new int[size];
            for (int i = 0; i < size; i++) {
                long place = number * size + i;
                if (place / items.length != epoch) {
                    epoch = place / items.length;
                    order = Subset.shuffled(items.length, seed.child(epoch));
                }
                batch[i] = items[order[(int) (place % items.length)]];
            }
            return batch;
        }
    }
}
