package dev.smalti.token;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorBytes;
import dev.smalti.tensor.TensorFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A data set as tokens, in memory and as a file: the seam between tokenizers and priors. The format is described in the
 * {@linkplain dev.smalti.token package}.
 *
 * <p>The tensors are on the CPU and belong to this object, past every scope, until it is closed. Codes stay in the
 * smallest type that fits, so that a million grids of 8 × 8 take 64 or 128 MB; a batch comes out as int64.
 *
 * <pre>{@code
 * try (TokenFile tokens = TokenFile.read(file)) {
 *     Tensor batch = tokens.batchCodes(indices);   // [B, h, w]
 * }
 * }</pre>
 */
public final class TokenFile implements AutoCloseable {
    private static final int FORMAT = 1;
    private static final Set<String> LIBRARIES = Set.of("pt", "np", "tf", "flax", "mlx"); // what Python calls a format
    private static final Set<String> KEYS =
            Set.of("format", "codebook_size", "classes", "class_names", "tokenizer", "tokenizer_run", "copies");
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final TokenSpace space;
    private final Tensor codes; // [N, h, w] or [N, T, h, w]
    private final Optional<Tensor> labels; // [N]
    private final Optional<Codebook> codebook; // [K, D]
    private final Optional<Tensor> noiseSeeds; // [N]
    private final Optional<Accumulation> accumulation;
    private final int classes;
    private final int copies;
    private final List<String> classNames;
    private final Optional<String> tokenizer;
    private final Optional<String> tokenizerRun;
    private final Map<String, String> metadata;
    private final List<Tensor> held = new ArrayList<>();

    private TokenFile(Builder from, TokenSpace space, int classes) {
        this.space = space;
        this.codes = own(from.codes, narrowest(space.codes()));
        this.labels = from.labels.map(each -> own(each, ScalarType.Long));
        this.codebook = from.codebook.map(each -> new Codebook(own(each.vectors(), ScalarType.Float)));
        this.noiseSeeds = from.noiseSeeds.map(each -> own(each, ScalarType.Long));
        this.accumulation = from.accumulation.map(each -> new Accumulation(
                own(each.alpha(), ScalarType.Float),
                each.weight().map(tensor -> own(tensor, ScalarType.Float)),
                each.bias().map(tensor -> own(tensor, ScalarType.Float))));
        this.classes = classes;
        this.copies = from.copies;
        this.classNames = from.classNames;
        this.tokenizer = from.tokenizer;
        this.tokenizerRun = from.tokenizerRun;
        this.metadata = Collections.unmodifiableMap(new LinkedHashMap<>(from.metadata));
    }

    /** Starts a token file of {@code codes}: integers {@code [N, h, w]} or {@code [N, T, h, w]}, from 0 to K - 1. */
    public static Builder of(Tensor codes, int codebookSize) {
        return new Builder(codes, codebookSize);
    }

    /**
     * Reads and checks a token file.
     *
     * @throws BadFileException naming the file, the tensor or key, the rule and the value if it breaks a rule
     */
    public static TokenFile read(Path file) {
        try (TensorFile tensors = TensorFile.open(file)) {
            return Scope.value(() -> read(tensors));
        } catch (BadFileException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new BadFileException(file, e.getMessage(), e);
        }
    }

    /** Writes the file, codes in the smallest of U8, I16 and I32 that fits; it appears when it is complete. */
    public void write(Path file) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("codes", codes);
        labels.ifPresent(each -> tensors.put("labels", each));
        codebook.ifPresent(each -> tensors.put("codebook", each.vectors()));
        noiseSeeds.ifPresent(each -> tensors.put("noise_seeds", each));
        accumulation.ifPresent(each -> {
            tensors.put("alpha", each.alpha());
            each.weight().ifPresent(tensor -> tensors.put("phi.weight", tensor));
            each.bias().ifPresent(tensor -> tensors.put("phi.bias", tensor));
        });
        Map<String, String> strings = new LinkedHashMap<>(metadata);
        strings.put("format", Integer.toString(FORMAT));
        strings.put("codebook_size", Integer.toString(space.codes()));
        if (classes > 0) {
            strings.put("classes", Integer.toString(classes));
        }
        if (!classNames.isEmpty()) {
            strings.put("class_names", JSON.valueToTree(classNames).toString());
        }
        tokenizer.ifPresent(each -> strings.put("tokenizer", each));
        tokenizerRun.ifPresent(each -> strings.put("tokenizer_run", each));
        if (copies > 1) {
            strings.put("copies", Integer.toString(copies));
        }
        TensorFile.write(file, tensors, strings);
    }

    /** How many grids there are: N. */
    public long size() {
        return codes.size(0);
    }

    /** The alphabet and shape of each grid. */
    public TokenSpace space() {
        return space;
    }

    /** How many codes there are: K. */
    public int codebookSize() {
        return space.codes();
    }

    /** All codes, {@code [N, h, w]} or {@code [N, T, h, w]}, in the smallest of uint8, int16 and int32 that fits. */
    public Tensor codes() {
        return codes;
    }

    /** The classes of all grids, int64 {@code [N]}. */
    public Optional<Tensor> labels() {
        return labels;
    }

    /** The vectors that the codes stand for. */
    public Optional<Codebook> codebook() {
        return codebook;
    }

    /** The seeds from which a diffusion tokenizer drew its noise, int64 {@code [N]}. */
    public Optional<Tensor> noiseSeeds() {
        return noiseSeeds;
    }

    /** How the codes of several steps add up. */
    public Optional<Accumulation> accumulation() {
        return accumulation;
    }

    /** How many grids, one after the other, are of the same image, each with other noise; 1 usually. */
    public int copies() {
        return copies;
    }

    /** How many classes there are; 0 without classes. */
    public int classes() {
        return classes;
    }

    /** What the classes are called, in the order of the labels; empty where that isn't known. */
    public List<String> classNames() {
        return classNames;
    }

    /** The fingerprint of the tokenizer that made the codes, and that can decode them. */
    public Optional<String> tokenizer() {
        return tokenizer;
    }

    /** The run folder of that tokenizer, as the encoder saw it. */
    public Optional<String> tokenizerRun() {
        return tokenizerRun;
    }

    /** Strings of the file that have no meaning here; they are written again. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The codes of some grids. {@code indices} int64 [B] -> int64 [B, h, w] or [B, T, h, w]. */
    public Tensor batchCodes(Tensor indices) {
        return Scope.keep(() -> codes.index_select(0, indices.cpu()).to(ScalarType.Long));
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

    /** SHA-256 of the codes, their shape and alphabet, the labels and, of several codes a place, the noise seeds, in hexadecimal. */
    public String fingerprint() {
        MessageDigest digest = sha256();
        update(digest, "codes of " + space.codes(), codes);
        labels.ifPresent(each -> update(digest, "labels", each));
        if (space.depth() > 1) {
            noiseSeeds.ifPresent(each -> update(digest, "noise seeds", each));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Frees the tensors. */
    @Override
    public void close() {
        held.forEach(Scope::release);
        held.clear();
    }

    private static TokenFile read(TensorFile file) {
        Map<String, String> strings = file.metadata();
        checkFormat(strings);
        require(file.names().contains("codes"), "a token file must have a tensor codes, got %s", file.names());
        require(strings.containsKey("codebook_size"), "metadata must have codebook_size, got %s", strings.keySet());
        Builder builder =
                of(file.tensor("codes"), number("codebook_size", strings).getAsInt());
        optional(file, "labels").ifPresent(builder::labels);
        optional(file, "codebook").ifPresent(each -> builder.codebook(new Codebook(each)));
        optional(file, "noise_seeds").ifPresent(builder::noiseSeeds);
        optional(file, "alpha")
                .filter(each -> builder.codes.dim() == 4) // else it is somebody else's
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
                    format <= FORMAT,
                    "its token format is %d, but this version reads up to %d: use a newer one",
                    format,
                    FORMAT);
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
            throw new IllegalArgumentException("%s must be a whole number below 2^31, got %s".formatted(key, text), e);
        }
    }

    private static List<String> names(String text) {
        try {
            JsonNode array = JSON.readTree(text);
            require(array.isArray(), "class_names must be a JSON array of strings, got %s", text);
            List<String> names = new ArrayList<>();
            for (JsonNode each : array) {
                require(each.isTextual(), "class_names must be a JSON array of strings, got %s in it", each);
                names.add(each.textValue());
            }
            return names;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("class_names must be a JSON array of strings, got " + text, e);
        }
    }

    private static Optional<Tensor> optional(TensorFile file, String name) {
        return file.names().contains(name) ? Optional.of(file.tensor(name)) : Optional.empty();
    }

    private static ScalarType narrowest(int codes) {
        return codes <= 1 << 8 ? ScalarType.Byte : codes <= 1 << 15 ? ScalarType.Short : ScalarType.Int;
    }

    private Tensor own(Tensor tensor, ScalarType type) {
        Tensor own = Scope.value(() -> Scope.hold(tensor.detach().cpu().to(type).contiguous()));
        held.add(own);
        return own;
    }

    private static void update(MessageDigest digest, String name, Tensor tensor) {
        digest.update((name + Dims.text(Dims.of(tensor)) + "\n").getBytes(StandardCharsets.UTF_8));
        Scope.free(() -> TensorBytes.of(tensor).forEach(digest::update));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private static void require(boolean condition, String message, Object... values) {
        if (!condition) {
            throw new IllegalArgumentException(message.formatted(values));
        }
    }

    /** What a token file will hold. The tensors may be of any integer type, layout and device. */
    public static final class Builder {
        private final Tensor codes;
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

        private Builder(Tensor codes, int codebookSize) {
            this.codes = codes;
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
            TokenSpace space = checkCodes();
            checkCopies();
            int count = checkClasses();
            codebook.ifPresent(each -> require(
                    each.codes() == codebookSize,
                    "codebook must have %d rows, as many as codebook_size says, got %d",
                    codebookSize,
                    each.codes()));
            noiseSeeds.ifPresent(each -> checkColumn("noise_seeds", each));
            accumulation.ifPresent(this::checkAccumulation);
            metadata.keySet().forEach(key -> require(!KEYS.contains(key), "metadata %s is set by its own name", key));
            return new TokenFile(this, space, count);
        }

        private TokenSpace checkCodes() {
            long[] shape = Dims.of(codes);
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
            refuse(space.problem(codes));
            return space;
        }

        private void checkCopies() {
            require(
                    copies >= 1 && codes.size(0) % copies == 0,
                    "copies must be a divisor of the %d grids, got %d",
                    codes.size(0),
                    copies);
        }

        private void checkAccumulation(Accumulation each) {
            require(codes.dim() == 4, "alpha needs codes [N, T, h, w], got %s", Dims.text(Dims.of(codes)));
            Dims.check("alpha", each.alpha(), codes.size(1));
            each.weight()
                    .ifPresent(weight -> require(
                            codebook.isPresent() && codebook.get().width() == weight.size(0),
                            "phi.weight needs a codebook of its width, %d, got %s",
                            weight.size(0),
                            codebook.map(book -> Long.toString(book.width())).orElse("no codebook")));
        }

        private int checkClasses() {
            classes.ifPresent(count -> require(count >= 0, "classes must be 0 or more, got %d", count));
            labels.ifPresent(each -> checkColumn("labels", each));
            int count = classes.orElseGet(() -> classNames.isEmpty() ? highestLabel() + 1 : classNames.size());
            require(
                    classNames.isEmpty() || classNames.size() == count,
                    "class_names must name the %d classes, got %d names",
                    count,
                    classNames.size());
            labels.ifPresent(each -> {
                require(classes.orElse(1) > 0, "classes must be 1 or more where there are labels, got 0");
                refuse(TokenSpace.problem("labels", each, count));
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

        private void checkColumn(String name, Tensor tensor) {
            ScalarType type = tensor.scalar_type().intern();
            require(torch.isIntegralType(type, false), "%s must be integers, got %s", name, type);
            Dims.check(name, tensor, codes.size(0));
        }

        private static void refuse(Optional<String> problem) {
            problem.ifPresent(each -> {
                throw new IllegalArgumentException(each);
            });
        }
    }
}
