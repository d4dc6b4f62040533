package dev.smalti.token;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.TensorBytes;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenWriter.Column;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A data set as tokens, in memory and as a file or a folder of files: the seam between tokenizers and priors. The format is
 * described in the {@linkplain dev.smalti.token package}; {@link TokenWriter} writes one batch by batch.
 *
 * <p>The tensors are on the CPU and belong to this object, past every scope, until it is closed. Codes stay in the
 * smallest type that fits, so that a million grids of 8 × 8 take 64 or 128 MB; a batch comes out as int64. Files of more than
 * 1 GiB stay on the disk, and a batch is read when it is asked for.
 *
 * <pre>{@code
 * try (TokenFile tokens = TokenFile.read(file)) {
 *     Tensor batch = tokens.batchCodes(indices);   // [B, h, w]
 * }
 * }</pre>
 */
public final class TokenFile implements AutoCloseable {
    private static final long MOST_IN_MEMORY = 1L << 30; // bytes of files
    private static final Set<String> LIBRARIES = Set.of("pt", "np", "tf", "flax", "mlx"); // what Python calls a format
    private static final Set<String> KEYS =
            Set.of("format", "codebook_size", "classes", "class_names", "tokenizer", "tokenizer_run", "copies");
    private static final int LONGEST_NAME = 1000; // letters of a class
    private static final int MOST_NAMES = 1 << 20;
    private static final String STRINGS = "a JSON array of strings";
    private static final JsonFactory JSON = new JsonFactory();

    private final TokenFacts facts;
    private final boolean classesSaid; // not counted from the labels
    private final Grids grids; // [N, h, w] or [N, T, h, w]
    private final Optional<Tensor> labels; // [N]
    private final Optional<Tensor> noiseSeeds; // [N]
    private final List<Tensor> common = new ArrayList<>(); // held: what is the same for all grids
    private final List<Tensor> columns = new ArrayList<>(); // labels and noise seeds
    private final List<Tensor> codes = new ArrayList<>();
    private final List<TokenFile> parts;

    private TokenFile(Builder from, TokenFacts facts) {
        Optional<Codebook> codebook =
                from.codebook.map(each -> new Codebook(own(common, each.vectors(), ScalarType.Float)));
        Optional<Accumulation> accumulation = from.accumulation.map(each -> new Accumulation(
                own(common, each.alpha(), ScalarType.Float),
                each.weight().map(tensor -> own(common, tensor, ScalarType.Float)),
                each.bias().map(tensor -> own(common, tensor, ScalarType.Float))));
        this.facts = facts.with(codebook, accumulation);
        this.classesSaid = from.classes.isPresent() || !from.classNames.isEmpty();
        this.grids = from.grids instanceof Grids.Held memory
                ? new Grids.Held(own(codes, memory.codes(), facts.type()))
                : from.grids;
        this.labels = from.labels.map(each -> own(columns, each, ScalarType.Long));
        this.noiseSeeds = from.noiseSeeds.map(each -> own(columns, each, ScalarType.Long));
        this.parts = List.of();
    }

    /**
     * Several of the same facts, one behind the other; they are closed with this one. What this one has of them is freed in them:
     * a hundred files would hold a hundred codebooks.
     */
    private TokenFile(List<TokenFile> parts) {
        TokenFile first = parts.get(0);
        this.facts = first.facts.classes(
                parts.stream().mapToInt(TokenFile::classes).max().orElseThrow());
        this.classesSaid = first.classesSaid;
        this.grids = Grids.Joined.of(parts.stream().map(each -> each.grids).toList());
        this.labels = first.labels.map(each -> joined(parts, TokenFile::labels));
        this.noiseSeeds = first.noiseSeeds.map(each -> joined(parts, TokenFile::noiseSeeds));
        this.parts = parts;
        parts.forEach(each -> free(each.columns));
    }

    private Tensor joined(List<TokenFile> parts, Function<TokenFile, Optional<Tensor>> column) {
        return Scope.value(() -> own(
                columns,
                Tensors.cat(parts.stream()
                        .map(each -> column.apply(each).orElseThrow())
                        .toList()),
                ScalarType.Long));
    }

    /** Starts a token file of {@code codes}: integers {@code [N, h, w]} or {@code [N, T, h, w]}, from 0 to K - 1. */
    public static Builder of(Tensor codes, int codebookSize) {
        return new Builder(new Grids.Held(codes), null, codebookSize);
    }

    /** Starts what a {@link TokenWriter} says of grids that are still to come. */
    public static Builder of(TokenSpace space) {
        return new Builder(null, space, space.codes());
    }

    /**
     * Reads and checks a token file, or a folder of them, which are then one data set: all {@code .safetensors} in it, in the
     * order of their names. Nothing is copied; indices go on from one file to the next.
     *
     * @throws BadFileException naming the file, the tensor or key, the rule and the value if it breaks a rule, or two files
     *     that are not of one data set, and what differs
     */
    public static TokenFile read(Path path) {
        return read(path, MOST_IN_MEMORY);
    }

    /** @param most bytes of files that are read into memory; larger ones stay on the disk */
    static TokenFile read(Path path, long most) {
        if (!Files.isDirectory(path)) {
            return readFile(path, path.toFile().length() <= most);
        }
        List<Path> files = shards(path);
        Part.problem(names(path)).ifPresent(problem -> {
            throw new BadFileException(path, problem);
        });
        boolean memory =
                files.stream().mapToLong(each -> each.toFile().length()).sum() <= most;
        List<TokenFile> parts = new ArrayList<>();
        try {
            for (Path file : files) {
                TokenFile part = readFile(file, memory);
                parts.add(part);
                parts.get(0).difference(part).ifPresent(different -> {
                    throw new BadFileException(
                            path,
                            Phrase.of("its files must be of one data set, but %s and %s differ: %s")
                                    .with(files.get(0).getFileName(), file.getFileName(), different));
                });
                if (parts.size() > 1) {
                    free(part.common); // the first's are the same
                }
            }
            return parts.size() == 1 ? parts.get(0) : new TokenFile(List.copyOf(parts));
        } catch (RuntimeException e) {
            parts.forEach(TokenFile::close);
            throw e;
        }
    }

    /** The token files of a folder, in order; empty if it has none. */
    public static List<Path> files(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(TokenFile::isShard)
                    .sorted(Comparator.comparing(each -> each.getFileName().toString()))
                    .toList();
        } catch (IOException e) {
            throw new BadFileException(folder, "cannot be read: " + e, e);
        }
    }

    private static List<String> names(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(each -> each.getFileName().toString()).toList();
        } catch (IOException e) {
            throw new BadFileException(folder, "cannot be read: " + e, e);
        }
    }

    private static boolean isShard(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".safetensors") && !name.startsWith(".") && Files.isRegularFile(file);
    }

    private static List<Path> shards(Path folder) {
        List<Path> files = files(folder);
        if (files.isEmpty()) {
            throw new BadFileException(folder, "must be a token file or a folder of them, and has no .safetensors");
        }
        return files;
    }

    private static TokenFile readFile(Path file, boolean memory) {
        TensorFile tensors = TensorFile.open(file);
        boolean kept = false;
        try {
            TokenFile read = Scope.value(() -> read(tensors, memory));
            kept = !memory;
            return read;
        } catch (BadFileException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new BadFileException(file, e.getMessage(), e);
        } finally {
            if (!kept) {
                tensors.close();
            }
        }
    }

    private Optional<String> difference(TokenFile other) {
        if (space().equals(other.space()) && classesSaid != other.classesSaid) {
            return Optional.of("one says how many classes there are, and one doesn't");
        }
        return difference(other, classesSaid ? other.classes() : classes(), other.copies());
    }

    /** The same where the other counts as one of so many classes and copies. */
    private Optional<String> difference(TokenFile other, int classes, int copies) {
        if (!space().equals(other.space())) {
            return Optional.of(space().text() + " and " + other.space().text());
        }
        if (labels.isPresent() != other.labels.isPresent()) {
            return Optional.of("one has labels, and one has none");
        }
        if (noiseSeeds.isPresent() != other.noiseSeeds.isPresent()) {
            return Optional.of("one has noise_seeds, and one has none");
        }
        return facts.difference(other.facts.classes(classes).copies(copies));
    }

    /**
     * What keeps others from being measured by what is trained on these, if anything does: the alphabet and shape of grids, the
     * tokenizer, the classes, or what comes with each grid. How many grids an image has may differ.
     */
    public Optional<String> mismatch(TokenFile other) {
        boolean fewer = !(classesSaid && other.classesSaid) && other.classes() <= classes();
        return difference(other, fewer ? classes() : other.classes(), copies());
    }

    /** Writes one file, codes in the smallest of U8, I16 and I32 that fits; it appears when it is complete. */
    public void write(Path file) {
        Set<Column> columns = EnumSet.noneOf(Column.class);
        labels.ifPresent(each -> columns.add(Column.LABELS));
        noiseSeeds.ifPresent(each -> columns.add(Column.NOISE_SEEDS));
        try (TokenWriter writer = TokenWriter.of(file, facts, size(), columns)) {
            grids.forEach(piece -> writer.add(piece, part(labels, writer, piece), part(noiseSeeds, writer, piece)));
            writer.finish();
        }
    }

    private static Tensor part(Optional<Tensor> column, TokenWriter writer, Tensor piece) {
        return column.map(each -> each.narrow(0, writer.done(), piece.size(0))).orElse(null);
    }

    /** How many grids there are: N. */
    public long size() {
        return grids.size();
    }

    /** The alphabet and shape of each grid. */
    public TokenSpace space() {
        return facts.space();
    }

    /** How many codes there are: K. */
    public int codebookSize() {
        return facts.space().codes();
    }

    /**
     * All codes, {@code [N, h, w]} or {@code [N, T, h, w]}, in the smallest of uint8, int16 and int32 that fits. Of a large
     * file, or several, they are read for this call; {@link #forEachCodes} takes less memory.
     */
    public Tensor codes() {
        return grids instanceof Grids.Held memory
                ? memory.codes()
                : Scope.keep(() -> grids.rows(0, size()).to(facts.type()));
    }

    /** All codes in order, {@code [B, h, w]} or {@code [B, T, h, w]} at once, freed after each call of {@code body}. */
    public void forEachCodes(Consumer<Tensor> body) {
        grids.forEach(piece -> body.accept(piece.to(facts.type()).contiguous()));
    }

    /** The classes of all grids, int64 {@code [N]}. */
    public Optional<Tensor> labels() {
        return labels;
    }

    /** The classes that some grid has, each once, in order; empty without labels. */
    public int[] occurring() {
        return labels.map(each -> LongStream.of(Tensors.toLongs(each))
                        .mapToInt(Math::toIntExact)
                        .distinct()
                        .sorted()
                        .toArray())
                .orElse(new int[0]);
    }

    /** The vectors that the codes stand for. */
    public Optional<Codebook> codebook() {
        return facts.codebook();
    }

    /** The seeds from which a diffusion tokenizer drew its noise, int64 {@code [N]}. */
    public Optional<Tensor> noiseSeeds() {
        return noiseSeeds;
    }

    /** How the codes of several steps add up. */
    public Optional<Accumulation> accumulation() {
        return facts.accumulation();
    }

    /** How many grids, one after the other, are of the same image: other views of it, or with other noise; 1 usually. */
    public int copies() {
        return facts.copies();
    }

    /** How many classes there are; 0 without classes. */
    public int classes() {
        return facts.classes();
    }

    /** What the classes are called, in the order of the labels; empty where that isn't known. */
    public List<String> classNames() {
        return facts.classNames();
    }

    /** The fingerprint of the tokenizer that made the codes, and that can decode them. */
    public Optional<String> tokenizer() {
        return facts.tokenizer();
    }

    /** The run folder of that tokenizer, as the encoder saw it. */
    public Optional<String> tokenizerRun() {
        return facts.tokenizerRun();
    }

    /** Strings of the file that have no meaning here; they are written again. */
    public Map<String, String> metadata() {
        return facts.metadata();
    }

    /** The codes of some grids. {@code indices} int64 [B] -> int64 [B, h, w] or [B, T, h, w]. */
    public Tensor batchCodes(Tensor indices) {
        return Scope.keep(() -> grids.batch(indices));
    }

    /** The classes of some grids, -1 without labels. {@code indices} int64 [B] -> int64 [B]. */
    public Tensor batchLabels(Tensor indices) {
        return Scope.keep(() -> labels.map(each -> each.index_select(0, indices.cpu()))
                .orElseGet(() ->
                        torch.full(new long[] {indices.size(0)}, new Scalar(-1L), new TensorOptions(ScalarType.Long))));
    }

    /** The noise seeds of some grids; empty without. {@code indices} int64 [B] -> int64 [B]. */
    public Optional<Tensor> batchNoiseSeeds(Tensor indices) {
        return noiseSeeds.map(each -> Scope.keep(() -> each.index_select(0, indices.cpu())));
    }

    /**
     * SHA-256 of the codes, their shape and alphabet, the labels and, of several codes a place, the noise seeds, in
     * hexadecimal.
     */
    public String fingerprint() {
        MessageDigest digest = sha256();
        digest.update(heading("codes of " + codebookSize(), grids.shape()));
        forEachCodes(piece -> {
            Stopping.check();
            TensorBytes.of(piece).forEach(digest::update);
        });
        labels.ifPresent(each -> update(digest, "labels", each));
        if (space().depth() > 1) {
            noiseSeeds.ifPresent(each -> update(digest, "noise seeds", each));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Frees the tensors, and closes a file that stayed on the disk. */
    @Override
    public void close() {
        parts.forEach(TokenFile::close);
        grids.close();
        List.of(common, columns, codes).forEach(TokenFile::free);
    }

    private static void free(List<Tensor> held) {
        held.forEach(Scope::release);
        held.clear();
    }

    private static TokenFile read(TensorFile file, boolean memory) {
        Map<String, String> strings = file.metadata();
        checkFormat(strings);
        require(file.names().contains("codes"), "a token file must have a tensor codes, got %s", brief(file.names()));
        require(
                strings.containsKey("codebook_size"),
                "metadata must have codebook_size, got %s",
                brief(strings.keySet()));
        Grids grids = memory ? new Grids.Held(file.tensor("codes")) : new Grids.Stored(file);
        Builder builder =
                new Builder(grids, null, number("codebook_size", strings).getAsInt());
        optional(file, "labels").ifPresent(builder::labels);
        optional(file, "codebook").ifPresent(each -> builder.codebook(new Codebook(each)));
        optional(file, "noise_seeds").ifPresent(builder::noiseSeeds);
        optional(file, "alpha")
                .filter(each -> grids.shape().length == 4) // else it is somebody else's
                .ifPresent(each -> builder.accumulation(
                        new Accumulation(each, optional(file, "phi.weight"), optional(file, "phi.bias"))));
        number("classes", strings).ifPresent(builder::classes);
        number("copies", strings).ifPresent(builder::copies);
        Optional.ofNullable(strings.get("class_names")).map(TokenFile::names).ifPresent(builder::classNames);
        Optional.ofNullable(strings.get("tokenizer")).ifPresent(builder::tokenizer);
        Optional.ofNullable(strings.get("tokenizer_run")).ifPresent(builder::tokenizerRun);
        Map<String, String> others = new LinkedHashMap<>(strings);
        others.keySet().removeAll(KEYS);
        return builder.metadata(others).build();
    }

    private static void checkFormat(Map<String, String> strings) {
        if (LIBRARIES.contains(strings.getOrDefault("format", ""))) {
            return;
        }
        number("format", strings).ifPresent(format -> {
            require(format >= 1, "format must be 1 or more, got %d", format);
            require(
                    format <= TokenFacts.FORMAT,
                    "its token format is %d, but this version reads up to %d: use a newer one",
                    format,
                    TokenFacts.FORMAT);
        });
    }

    private static OptionalInt number(String key, Map<String, String> strings) {
        String text = strings.get(key);
        if (text == null) {
            return OptionalInt.empty();
        }
        try {
            return OptionalInt.of(Integer.parseInt(text));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    Phrase.of("%s must be a whole number below 2^31, got %s").with(key, brief(text)), e);
        }
    }

    private static List<String> names(String text) {
        List<String> names = new ArrayList<>();
        try (JsonParser json = JSON.createParser(text)) {
            require(json.nextToken() == JsonToken.START_ARRAY, "class_names must be %s, got %s", STRINGS, brief(text));
            while (json.nextToken() != JsonToken.END_ARRAY) {
                String name = json.getText();
                require(
                        json.currentToken() == JsonToken.VALUE_STRING,
                        "class_names must be %s, got %s in it",
                        STRINGS,
                        brief(name));
                require(
                        name.length() <= LONGEST_NAME,
                        "class_names must have at most %,d letters each, got %,d: %s",
                        LONGEST_NAME,
                        name.length(),
                        brief(name));
                names.add(Normalizer.normalize(name, Normalizer.Form.NFC)); // as sets of images have it
                require(names.size() <= MOST_NAMES, "class_names must be %,d at most, got more", MOST_NAMES);
            }
            require(json.nextToken() == null, "class_names must be %s, got more behind it", STRINGS);
            return names;
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    Phrase.of("class_names must be %s, got %s").with(STRINGS, brief(text)), e);
        }
    }

    private static String brief(Object value) {
        return Excerpt.brief(value.toString());
    }

    private static Optional<Tensor> optional(TensorFile file, String name) {
        return file.names().contains(name) ? Optional.of(file.tensor(name)) : Optional.empty();
    }

    private static Tensor own(List<Tensor> held, Tensor tensor, ScalarType type) {
        Tensor own = Scope.value(() -> Scope.hold(tensor.detach().cpu().to(type).contiguous()));
        held.add(own);
        return own;
    }

    private static void update(MessageDigest digest, String name, Tensor tensor) {
        digest.update(heading(name, Dims.of(tensor)));
        Scope.free(() -> TensorBytes.of(tensor).forEach(digest::update));
    }

    private static byte[] heading(String name, long[] shape) {
        return (name + Dims.text(shape) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** @throws IllegalArgumentException if they aren't {@code count} integers */
    static void checkColumn(String name, Tensor tensor, long count) {
        ScalarType type = tensor.scalar_type().intern();
        require(torch.isIntegralType(type, false), "%s must be integers, got %s", name, type);
        Dims.check(name, tensor, count);
    }

    private static void require(boolean condition, String message, Object... values) {
        if (!condition) {
            throw new IllegalArgumentException(Phrase.of(message).with(values));
        }
    }

    /** What a token file will hold. The tensors may be of any integer type, layout and device. */
    public static final class Builder {
        private final Grids grids; // null if they are to come
        private final TokenSpace announced; // then; else null
        private final int codebookSize;
        private Optional<Tensor> labels = Optional.empty();
        private Optional<Codebook> codebook = Optional.empty();
        private Optional<Tensor> noiseSeeds = Optional.empty();
        private Optional<Accumulation> accumulation = Optional.empty();
        private OptionalInt classes = OptionalInt.empty();
        private int copies = 1;
        private List<String> classNames = List.of();
        private Optional<String> tokenizer = Optional.empty();
        private Optional<String> tokenizerRun = Optional.empty();
        private Map<String, String> metadata = Map.of();

        private Builder(Grids grids, TokenSpace announced, int codebookSize) {
            this.grids = grids;
            this.announced = announced;
            this.codebookSize = codebookSize;
        }

        /** The class of each grid, {@code [N]}, from 0. */
        public Builder labels(Tensor labels) {
            this.labels = Optional.of(labels);
            return this;
        }

        /** How many classes there are; if not said, as many as there are names, or the largest label and one. */
        public Builder classes(int classes) {
            this.classes = OptionalInt.of(classes);
            return this;
        }

        /** How many grids, one after the other, are of the same image; a divisor of their number. */
        public Builder copies(int copies) {
            this.copies = copies;
            return this;
        }

        /** What the classes are called, in the order of the labels. */
        public Builder classNames(List<String> classNames) {
            this.classNames = List.copyOf(classNames);
            return this;
        }

        /** The vectors that the codes stand for. */
        public Builder codebook(Codebook codebook) {
            this.codebook = Optional.of(codebook);
            return this;
        }

        /** The seeds of a diffusion tokenizer's noise, {@code [N]}. */
        public Builder noiseSeeds(Tensor noiseSeeds) {
            this.noiseSeeds = Optional.of(noiseSeeds);
            return this;
        }

        /** How the codes of several steps add up. */
        public Builder accumulation(Accumulation accumulation) {
            this.accumulation = Optional.of(accumulation);
            return this;
        }

        /** The fingerprint of the tokenizer that made the codes. */
        public Builder tokenizer(String fingerprint) {
            this.tokenizer = Optional.of(fingerprint);
            return this;
        }

        /** The run folder of that tokenizer. */
        public Builder tokenizerRun(String folder) {
            this.tokenizerRun = Optional.of(folder);
            return this;
        }

        /** Further strings to keep with the tokens, under keys that the format doesn't use. */
        public Builder metadata(Map<String, String> metadata) {
            this.metadata = metadata;
            return this;
        }

        /**
         * Checks all of it and takes the tensors, by reference where their type and place allow.
         *
         * @throws IllegalArgumentException naming the tensor or key, the rule and the value that breaks it
         */
        public TokenFile build() {
            if (grids == null) {
                throw new IllegalStateException("there are no codes yet: write them with a TokenWriter");
            }
            return new TokenFile(this, facts());
        }

        /** Checks all that is here. */
        TokenFacts facts() {
            TokenSpace space = grids == null ? announced : checkCodes();
            require(
                    copies >= 1 && (grids == null || grids.size() % copies == 0),
                    "copies must be a divisor of the %s grids, got %d",
                    grids == null ? "number of" : grids.size(),
                    copies);
            int count = checkClasses();
            codebook.ifPresent(each -> require(
                    each.codes() == codebookSize,
                    "codebook must have %d rows, as many as codebook_size says, got %d",
                    codebookSize,
                    each.codes()));
            noiseSeeds.ifPresent(each -> checkColumn("noise_seeds", each, grids.size()));
            List<Long> row = row(space);
            accumulation.ifPresent(each -> checkAccumulation(each, row));
            metadata.keySet().forEach(key -> require(!KEYS.contains(key), "metadata %s is set by its own name", key));
            return new TokenFacts(
                    space,
                    row,
                    count,
                    classNames,
                    codebook,
                    accumulation,
                    tokenizer,
                    tokenizerRun,
                    copies,
                    Collections.unmodifiableMap(new LinkedHashMap<>(metadata)));
        }

        private List<Long> row(TokenSpace space) {
            if (grids != null) {
                return LongStream.of(grids.shape()).skip(1).boxed().toList();
            }
            List<Long> places = List.of((long) space.height(), (long) space.width());
            return space.depth() == 1 ? places : List.of((long) space.depth(), places.get(0), places.get(1));
        }

        private TokenSpace checkCodes() {
            long[] shape = grids.shape();
            require(
                    shape.length == 3 || shape.length == 4,
                    "codes must have shape [N, h, w] or [N, T, h, w] (sequences [N, 1, L]), got %s",
                    Dims.text(shape));
            for (long size : shape) {
                require(size > 0, "codes must hold at least one grid, got shape %s", Dims.text(shape));
            }
            require(codebookSize >= 2, "codebook_size must be at least 2, got %d", codebookSize);
            int height = Math.toIntExact(shape[shape.length - 2]);
            int width = Math.toIntExact(shape[shape.length - 1]);
            int depth = shape.length == 4 ? Math.toIntExact(shape[1]) : 1;
            TokenSpace space = new TokenSpace(codebookSize, height, width, depth);
            long[] before = {0};
            grids.forEach(piece -> {
                refuse(TokenSpace.problem("codes", piece, codebookSize, before[0]));
                before[0] += piece.size(0);
            });
            return space;
        }

        private void checkAccumulation(Accumulation each, List<Long> row) {
            require(row.size() == 3, "alpha needs codes [N, T, h, w], got grids %s", row);
            Dims.check("alpha", each.alpha(), row.get(0));
            each.weight()
                    .ifPresent(weight -> require(
                            codebook.isPresent() && codebook.get().width() == weight.size(0),
                            "phi.weight needs a codebook of its width, %d, got %s",
                            weight.size(0),
                            codebook.map(book -> Long.toString(book.width())).orElse("no codebook")));
        }

        private int checkClasses() {
            classes.ifPresent(count -> require(count >= 0, "classes must be 0 or more, got %d", count));
            labels.ifPresent(each -> checkColumn("labels", each, grids.size()));
            int count = classes.orElseGet(() -> classNames.isEmpty() ? highestLabel() + 1 : classNames.size());
            require(
                    classNames.isEmpty() || classNames.size() == count,
                    "class_names must name the %d classes, got %d names",
                    count,
                    classNames.size());
            labels.ifPresent(each -> {
                require(classes.orElse(1) > 0, "classes must be 1 or more where there are labels, got 0");
                refuse(TokenSpace.problem("labels", each, count, 0));
            });
            return count;
        }

        private int highestLabel() {
            long highest = labels.map(
                            each -> Scope.value(() -> each.max().item().toLong()))
                    .orElse(-1L);
            require(highest < Integer.MAX_VALUE, "labels must be below %d, got %d", Integer.MAX_VALUE, highest);
            return (int) Math.max(highest, -1);
        }

        private static void refuse(Optional<String> problem) {
            problem.ifPresent(each -> {
                throw new IllegalArgumentException(each);
            });
        }
    }
}
