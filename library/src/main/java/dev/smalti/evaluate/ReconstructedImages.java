package dev.smalti.evaluate;

import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.model.Encoding;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.Tokenizer;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What a tokenizer gives back of real images, in its precision and with the noise that {@code encode} would take. */
final class ReconstructedImages implements ImageSource {
    private final RunFolder run;
    private final StoredImages reals;
    private final Device place;
    private final Tokenizer tokenizer;
    private final Precision precision;
    private final CodeUses uses;
    private PairMeasures pairs = new PairMeasures(List.of(), null);

    ReconstructedImages(Fakes.Reconstructed request, StoredImages reals, Device place) {
        this.run = request.run();
        this.reals = reals;
        this.place = place;
        this.tokenizer = run.tokenizer(place);
        this.precision = Precision.of(request.precision(), place);
        this.uses = new CodeUses(tokenizer.space());
        tokenizer.parameters().training(false);
    }

    /** Will tell {@code pairs} of every image and what comes back of it. */
    void comparing(PairMeasures pairs) {
        this.pairs = pairs;
    }

    /** Of all images that were given. */
    CodeUses uses() {
        return uses;
    }

    @Override
    public int size() {
        return reals.size();
    }

    @Override
    public String name() {
        return "reconstructing the real images";
    }

    @Override
    public long[] classes(List<String> names) {
        return reals.classes(names);
    }

    /** That of the tokenizer. */
    @Override
    public Preparation preparation(int size) {
        int own = tokenizer.imageSize();
        if (size != 0 && size != own) {
            throw new JobException(Phrase.of("size must be %d, that of the images of %s, got %d: leave it out")
                    .with(own, run.path(), size));
        }
        return Encoding.preparation(run, own);
    }

    @Override
    public Compared each(Preparation preparation, LongConsumer progress, Taker taker) {
        Seed noise = Encoding.noise(reals.images());
        Compared read = reals.eachBatch(preparation, progress, batch -> {
            Tensor pixels = batch.images().pixels().to(place, ScalarType.Float);
            long[] seeds = Encoding.noise(noise, 0, batch.indices());
            Tensor codes = precision.run(place, () -> tokenizer.encode(pixels, seeds));
            Tensor decoded = Reconstruction.decoded(tokenizer, precision, pixels, codes);
            uses.add(codes);
            pairs.add(Reconstruction.levels(pixels), decoded);
            taker.take(decoded, batch.indices());
        });
        return new Compared(run.path().toString(), read.images(), read.skipped(), 0, 1, run.weightsFingerprint());
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
