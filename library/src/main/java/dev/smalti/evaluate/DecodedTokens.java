package dev.smalti.evaluate;

import dev.smalti.data.Crop;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.model.Decoding;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;

/** Images that a tokenizer makes of the grids of a file, evenly spread over all of them. */
final class DecodedTokens implements ImageSource {
    private final Fakes.Decoded request;
    private final TokenFile file;
    private final int count;
    private final Device place;

    /** @throws dev.smalti.run.JobException if the tokens aren't the model's own */
    DecodedTokens(Fakes.Decoded request, Device place) {
        this.request = request;
        this.file = TokenFile.read(request.tokens());
        this.count = (int) Math.min(request.count(), file.size());
        this.place = place;
        try {
            request.model().requireOwn(file, request.tokens());
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public int size() {
        return count;
    }

    /** Which grids have the numbers {@code from}..{@code to - 1}. */
    private long[] which(long from, long to) {
        return LongStream.range(from, to).map(i -> i * file.size() / count).toArray();
    }

    @Override
    public String name() {
        return "decoding tokens";
    }

    @Override
    public long[] classes(List<String> names) {
        if (file.labels().isEmpty() || file.classNames().isEmpty()) {
            return null;
        }
        int[] numbers = file.classNames().stream().mapToInt(names::indexOf).toArray();
        long[] labels = Scope.value(() -> Tensors.toLongs(file.batchLabels(Tensors.longs(which(0, count)))));
        boolean known = Arrays.stream(labels).allMatch(label -> label < numbers.length && numbers[(int) label] >= 0);
        return known ? Arrays.stream(labels).map(label -> numbers[(int) label]).toArray() : null;
    }

    @Override
    public Preparation preparation(int size) {
        int patch = request.model().patch();
        int own = StoredImages.side(file.space().width() * patch, file.space().height() * patch);
        return new Preparation(size == 0 ? own : size, Crop.CENTER, false);
    }

    @Override
    public Compared each(Preparation preparation, LongConsumer progress, Taker taker) {
        Batching batching = new Batching(preparation, place, taker);
        Decoding decoding = new Decoding(request.model(), file.space(), (number, image) -> batching.add(image));
        for (int from = 0; from < count; from += BATCH) {
            int begin = from;
            int end = Math.min(count, from + BATCH);
            Scope.free(() -> decoding.add(file.batchCodes(Tensors.longs(which(begin, end)))));
            progress.accept(end);
        }
        decoding.finish();
        batching.finish();
        String weights = request.model().folder().tokenizerFolder().weightsFingerprint();
        return new Compared(request.name(), count, 0, batching.resized(), 1, weights);
    }

    /** The model stays open. */
    @Override
    public void close() {
        file.close();
    }
}
