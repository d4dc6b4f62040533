package dev.smalti.tensor;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;

/**
 * A file of weights that another project published, as PyTorch saved it (see {@link TorchFile}) or as safetensors.
 *
 * @param sha256 of the file, in hexadecimal
 * @param tensors by name, on the CPU
 */
public record WeightFile(Path path, String sha256, Map<String, Tensor> tensors) {
    private static final int SHOWN = 6;

    /**
     * @param origin says in a clause whose weights are wanted, for a file that isn't there
     * @throws BadFileException if it isn't, can't be read or is neither format
     */
    public static WeightFile read(Path path, String origin) {
        String sha256 = sha256(path, origin);
        if (TorchFile.looksLikeOne(path)) {
            return new WeightFile(path, sha256, TorchFile.read(path));
        }
        try (TensorFile file = TensorFile.open(path)) {
            return new WeightFile(path, sha256, file.tensors());
        }
    }

    /** SHA-256 of the file alone; parameters and errors as those of {@link #read}. */
    public static String sha256(Path path, String origin) {
        if (!Files.isRegularFile(path)) {
            throw new BadFileException(path, "there is no such file; " + origin);
        }
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            try (InputStream stream = new DigestInputStream(Files.newInputStream(path), digest)) {
                stream.transferTo(OutputStream.nullOutputStream());
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        } catch (IOException e) {
            throw new BadFileException(path, "cannot be read: " + AtomicFile.reason(e), e);
        }
    }

    /**
     * The same with the names that are used here.
     *
     * @param own name of a tensor, given the file's; null leaves the tensor out
     * @throws BadFileException if two tensors get one name
     */
    public WeightFile renamed(UnaryOperator<String> own) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            String ours = own.apply(name);
            if (ours != null && renamed.put(ours, tensor) != null) {
                throw new BadFileException(path, "must hold " + ours + " once, has it under two names");
            }
        });
        return new WeightFile(path, sha256, renamed);
    }

    /**
     * Returns this file if it holds what is wanted.
     *
     * @param whose weights they are, for the message
     * @param wanted shapes by name
     * @throws BadFileException listing the names that are missing, unknown or of another shape
     */
    public WeightFile check(String whose, Map<String, long[]> wanted) {
        List<String> missing = new ArrayList<>();
        List<String> shapes = new ArrayList<>();
        wanted.forEach((name, shape) -> {
            if (!tensors.containsKey(name)) {
                missing.add(name);
            } else if (!Arrays.equals(Dims.of(tensors.get(name)), shape)) {
                shapes.add(Phrase.of("%s %s instead of %s")
                        .with(name, Dims.text(Dims.of(tensors.get(name))), Dims.text(shape)));
            }
        });
        Set<String> extra = new TreeSet<>(tensors.keySet());
        extra.removeAll(wanted.keySet());
        List<String> clauses = new ArrayList<>();
        clause(clauses, "missing", missing);
        clause(clauses, "unknown", List.copyOf(extra));
        clause(clauses, "of another shape", shapes);
        if (!clauses.isEmpty()) {
            throw new BadFileException(
                    path, Phrase.of("must hold the weights of %s, has %s").with(whose, String.join("; ", clauses)));
        }
        return this;
    }

    private static void clause(List<String> clauses, String kind, List<String> names) {
        if (!names.isEmpty()) {
            String some = names.stream().limit(SHOWN).map(Excerpt::of).collect(Collectors.joining(", "));
            clauses.add(Phrase.of("%d %s: %s%s").with(names.size(), kind, some, names.size() > SHOWN ? ", …" : ""));
        }
    }
}
