package dev.smalti.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.ShardWriter;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Pictures in tar shards in the layout of WebDataset, {@code shard-000000.tar} and so on in a new folder, or one shard under a name of
 * its own. A sample is {@code KEY.png}, with classes {@code KEY.cls}, the name of its, and {@code KEY.json}, which says the seed, the
 * class and the model; its key is the picture's number.
 */
public final class ImageShards implements ImageSink {
    private final Path target;
    private final Claim claim;
    private final Facts facts;
    private final int shard; // pictures a file
    private final boolean one; // whether the target is a file
    private final Path folder; // where files are written
    private ShardWriter writer;

    /**
     * What is said of the pictures.
     *
     * @param classNames of the labels; empty without classes
     * @param labels of all of them; null without classes
     * @param count of all of them
     * @param model fingerprint of its weights
     */
    public record Facts(List<String> classNames, long[] labels, int count, long seed, String model) {
        private String key(int number) {
            return Phrase.of("%0" + Math.max(8, Integer.toString(count - 1).length()) + "d")
                    .with(number);
        }

        private String className(int number) {
            return classNames.get((int) labels[number]);
        }

        private byte[] json(int number) {
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("number", number);
            said.put("seed", seed);
            said.put("class", labels == null ? null : className(number));
            said.put("model", model);
            try {
                return KeptResults.JSON
                        .writer()
                        .without(SerializationFeature.INDENT_OUTPUT)
                        .writeValueAsBytes(said);
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("strings and numbers are JSON", e);
            }
        }
    }

    private ImageShards(Path target, Facts facts, int shard, boolean one) {
        this.target = target;
        this.facts = facts;
        this.shard = shard;
        this.one = one;
        this.claim = one ? Claim.beside(target) : ImageFolder.claim(target, false);
        this.folder = one
                ? target.toAbsolutePath().getParent()
                : AtomicFile.of(target, parent(target)).path();
    }

    /** An empty folder may be a mounted disk, which can't be replaced. */
    private static Path parent(Path target) {
        return Files.exists(target)
                ? target.toAbsolutePath()
                : target.toAbsolutePath().getParent();
    }

    /**
     * A new or empty folder of shards.
     *
     * @param shard pictures each, but the last
     */
    public static ImageShards folder(Path folder, Facts facts, int shard) {
        Outputs.makeFolder("--out", folder.toAbsolutePath().getParent());
        Outputs.emptyFolder("--out", folder);
        return new ImageShards(folder, facts, shard, false);
    }

    /** One shard. */
    public static ImageShards file(Path file, Facts facts) {
        return new ImageShards(file, facts, Integer.MAX_VALUE, true);
    }

    @Override
    public void image(int number, Pixels image) {
        if (writer != null && number % shard == 0) {
            end();
        }
        if (writer == null) {
            writer = new ShardWriter(
                    one ? target : folder.resolve(Phrase.of("shard-%06d.tar").with(number / shard)));
        }
        String key = facts.key(number);
        writer.add(key + ".png", Pictures.png(image));
        if (facts.labels() != null) {
            writer.add(key + ".cls", facts.className(number).getBytes(StandardCharsets.UTF_8));
        }
        writer.add(key + ".json", facts.json(number));
    }

    private void end() {
        writer.finish();
        writer = null;
    }

    @Override
    public void finish() {
        end();
        if (one) {
            return;
        }
        try {
            if (!Files.exists(target)) {
                Files.move(folder, target, StandardCopyOption.ATOMIC_MOVE);
                return;
            }
            try (Stream<Path> entries = Files.list(folder)) {
                for (Path entry : entries.sorted().toList()) {
                    Files.move(entry, target.resolve(entry.getFileName()));
                }
            }
        } catch (IOException e) {
            throw Outputs.failure(target, e);
        }
    }

    @Override
    public void close() {
        try (claim) {
            if (writer != null) {
                writer.close();
            }
            if (!one) {
                AtomicFile.discard(folder);
            }
        }
    }
}
