package dev.smalti.model;

import dev.smalti.draw.RandomStreams;
import dev.smalti.run.ImageSink;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** One {@link TokenFile} of the grids that a model draws. */
public final class TokenSink implements ImageSink {
    private final Path path;
    private final Model model;
    private final TokenSpace space;
    private final long[] labels;
    private final int count;
    private final long seed;
    private final int length;
    private final int[] all;

    /**
     * @param space of the grids
     * @param labels of all of them; null for an unconditional model
     * @param seed of all of them
     */
    public TokenSink(Path path, Model model, TokenSpace space, int count, long[] labels, long seed) {
        this.path = path;
        this.model = model;
        this.space = space;
        this.labels = labels;
        this.count = count;
        this.seed = seed;
        this.length = Math.toIntExact(space.size());
        this.all = new int[Math.multiplyExact(count, length)];
    }

    @Override
    public void codes(int from, Tensor codes) {
        long[] values = Tensors.toLongs(codes);
        for (int i = 0; i < values.length; i++) {
            all[from * length + i] = (int) values[i];
        }
    }

    @Override
    public void finish() {
        RunFolder.Description description = model.folder().description();
        RunFolder tokenizer = model.folder().tokenizerFolder();
        Scope.free(() -> {
            Tensor codes = space.grids(torch.tensor(all));
            TokenFile.Builder builder = TokenFile.of(codes, space.codes());
            if (space.depth() > 1) {
                builder.noiseSeeds(Tensors.longs(LongStream.range(0, count)
                        .map(i -> RandomStreams.noiseSeed(Model.grid(seed, i)))
                        .toArray()));
            }
            if (labels != null) {
                builder.labels(Tensors.longs(labels))
                        .classes(model.prior().classes())
                        .classNames(description.classNames());
            }
            if (description.tokenizer() != null) {
                builder.tokenizer(description.tokenizer());
            }
            if (tokenizer != null) {
                builder.codebook(new Codebook(
                                model.tokenizer().codebook().detach().cpu()))
                        .tokenizerRun(
                                tokenizer.path().toAbsolutePath().normalize().toString());
                model.tokenizer().accumulation().ifPresent(builder::accumulation);
            }
            try (TokenFile file = builder.build()) {
                file.write(path);
            }
        });
    }

    @Override
    public void close() {}
}
