package dev.smalti.data;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * The pictures of tars in the layout of WebDataset, read where they lie: files whose names agree up to the first dot are a sample,
 * a picture with or without a {@code .cls} that says its class by number or name. Without, folders are the classes.
 */
final class Shards implements ImageSet {
    private final List<Path> shards;
    private final ShardIndex index;
    private final String fingerprint;

    /** @param source what messages call them together */
    Shards(String source, List<Path> shards) throws IOException {
        this.shards = List.copyOf(shards);
        this.index = new ShardIndex(source, shards);
        this.fingerprint = index.fingerprint();
    }

    @Override
    public int size() {
        return index.size();
    }

    @Override
    public int label(int index) {
        Objects.checkIndex(index, size());
        return this.index.label(index);
    }

    @Override
    public List<String> classNames() {
        return index.classNames();
    }

    @Override
    public String name(int index) {
        return Excerpt.of(this.index.name(index)) + " in " + shards.get(this.index.shard(index));
    }

    @Override
    public Pixels read(int index) {
        int size = this.index.bytes(Objects.checkIndex(index, size()));
        if (size > Tree.MOST_BYTES) {
            throw Tree.tooLarge(name(index), size < Integer.MAX_VALUE ? size : -1);
        }
        return Pixels.decode(bytes(index, size), name(index));
    }

    @Override
    public Extent extent(int index) {
        int start = Math.min(this.index.bytes(Objects.checkIndex(index, size())), PictureHeader.BYTES);
        Optional<Extent> stored = PictureHeader.extent(bytes(index, start));
        return stored.orElseGet(() -> ImageSet.super.extent(index));
    }

    /** Opened for each, since there may be more shards than files that a process may have open. */
    private byte[] bytes(int index, int length) {
        try (Bytes shard = Bytes.of(shards.get(this.index.shard(index)))) {
            return shard.read(this.index.offset(index), length);
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); was the file changed meanwhile?")
                            .with(name(index), e.getMessage()),
                    e);
        }
    }

    @Override
    public String fingerprint() {
        return fingerprint;
    }

    @Override
    public void close() {}
}
