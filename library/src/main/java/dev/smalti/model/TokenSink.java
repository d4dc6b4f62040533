package dev.smalti.model;

import dev.smalti.draw.RandomStreams;
import dev.smalti.run.Identity;
import dev.smalti.run.ImageSink;
import dev.smalti.run.RunFolder;
import dev.smalti.run.TokenOutput;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.token.TokenWriter.Column;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/** A {@link TokenFile} of the grids that a model draws, written as they come. */
public final class TokenSink implements ImageSink {
    private final long[] labels;
    private final long seed;
    private final boolean noisy;
    private final TokenOutput output;

    /**
     * @param space of the grids
     * @param labels of all of them; null for an unconditional model
     * @param seed of all of them
     * @param kept all that they depend on, to go on with those of an earlier sink of the same; null to keep nothing
     */
    public TokenSink(Path path, Model model, TokenSpace space, int count, long[] labels, long seed, Identity kept) {
        this.labels = labels;
        this.seed = seed;
        this.noisy = space.depth() > 1;
        Set<Column> columns = EnumSet.noneOf(Column.class);
        if (noisy) {
            columns.add(Column.NOISE_SEEDS);
        }
        if (labels != null) {
            columns.add(Column.LABELS);
        }
        TokenOutput.Target target = new TokenOutput.Target(path, 0, kept != null);
        this.output = new TokenOutput(target, facts(model, space, labels != null), count, columns, kept);
    }

    private static TokenFile.Builder facts(Model model, TokenSpace space, boolean labelled) {
        RunFolder.Description description = model.folder().description();
        RunFolder tokenizer = model.folder().tokenizerFolder();
        TokenFile.Builder facts = TokenFile.of(space);
        if (labelled) {
            facts.classes(model.prior().classes()).classNames(description.classNames());
        }
        if (description.tokenizer() != null) {
            facts.tokenizer(description.tokenizer());
        }
        if (tokenizer != null) {
            facts.codebook(new Codebook(model.tokenizer().codebook().detach().cpu()))
                    .tokenizerRun(tokenizer.path().toAbsolutePath().normalize().toString());
            model.tokenizer().accumulation().ifPresent(facts::accumulation);
        }
        return facts;
    }

    @Override
    public int present() {
        return Math.toIntExact(output.grids());
    }

    @Override
    public void codes(int from, Tensor codes) {
        int end = from + Math.toIntExact(codes.size(0));
        Scope.free(() -> output.add(
                codes,
                labels == null ? null : Tensors.longs(Arrays.copyOfRange(labels, from, end)),
                noisy ? Tensors.longs(noise(from, end)) : null,
                end));
    }

    private long[] noise(int from, int end) {
        return LongStream.range(from, end)
                .map(i -> RandomStreams.noiseSeed(Model.grid(seed, i)))
                .toArray();
    }

    @Override
    public void finish() {
        output.finish();
    }

    @Override
    public void close() {
        output.close();
    }
}
