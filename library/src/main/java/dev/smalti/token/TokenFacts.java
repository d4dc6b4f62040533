package dev.smalti.token;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorWriter.Shape;
import dev.smalti.token.TokenWriter.Column;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What all grids of a token file have in common, and how the file says it.
 *
 * @param row the shape of a grid: [h, w] or [T, h, w]
 * @param classes 0 without classes
 * @param copies grids in a row that are of one image
 * @param metadata strings without a meaning here
 */
record TokenFacts(
        TokenSpace space,
        List<Long> row,
        int classes,
        List<String> classNames,
        Optional<Codebook> codebook,
        Optional<Accumulation> accumulation,
        Optional<String> tokenizer,
        Optional<String> tokenizerRun,
        int copies,
        Map<String, String> metadata) {
    static final int FORMAT = 1;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** The smallest of U8, I16 and I32 that fits. */
    ScalarType type() {
        return space.codes() <= 1 << 8 ? ScalarType.Byte : space.codes() <= 1 << 15 ? ScalarType.Short : ScalarType.Int;
    }

    /** The tensors of a file of {@code count} grids. */
    Map<String, Shape> shapes(long count, Set<Column> columns) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        long[] all = new long[row.size() + 1];
        all[0] = count;
        for (int i = 0; i < row.size(); i++) {
            all[i + 1] = row.get(i);
        }
        shapes.put("codes", new Shape(type(), all));
        columns.forEach(each -> shapes.put(each.tensor(), new Shape(ScalarType.Long, count)));
        common().forEach((name, tensor) -> shapes.put(name, new Shape(ScalarType.Float, Dims.of(tensor))));
        return shapes;
    }

    /** The tensors that don't depend on the grids. */
    Map<String, Tensor> common() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        codebook.ifPresent(each -> tensors.put("codebook", each.vectors()));
        accumulation.ifPresent(each -> {
            tensors.put("alpha", each.alpha());
            each.weight().ifPresent(tensor -> tensors.put("phi.weight", tensor));
            each.bias().ifPresent(tensor -> tensors.put("phi.bias", tensor));
        });
        return tensors;
    }

    Map<String, String> strings() {
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
        return strings;
    }

    /** What keeps grids of the same space from being of one data set with these, if anything does: "3 classes and 4". */
    Optional<String> difference(TokenFacts other) {
        if (!row.equals(other.row)) {
            return Optional.of(Phrase.of("grids %s and %s").with(row, other.row));
        }
        if (!tokenizer.equals(other.tokenizer)) {
            return Optional.of(Phrase.of("tokenizer %s and %s")
                    .with(brief(tokenizer.orElse("none")), brief(other.tokenizer.orElse("none"))));
        }
        if (classes != other.classes) {
            return Optional.of(Phrase.of("%d classes and %d").with(classes, other.classes));
        }
        if (!classNames.equals(other.classNames)) {
            return Optional.of(Phrase.of("class_names %s and %s").with(brief(classNames), brief(other.classNames)));
        }
        if (copies != other.copies) {
            return Optional.of(Phrase.of("copies %d and %d").with(copies, other.copies));
        }
        return tensorDifference(other);
    }

    private static String brief(Object value) {
        return Excerpt.brief(value.toString());
    }

    private Optional<String> tensorDifference(TokenFacts other) {
        Map<String, Tensor> own = common();
        Map<String, Tensor> given = other.common();
        if (!own.keySet().equals(given.keySet())) {
            return Optional.of(Phrase.of("tensors %s and %s").with(own.keySet(), given.keySet()));
        }
        return own.keySet().stream()
                .filter(name -> !Arrays.equals(Dims.of(own.get(name)), Dims.of(given.get(name)))
                        || !Scope.value(() -> own.get(name).equal(given.get(name))))
                .findFirst()
                .map(name -> "another " + name);
    }

    /** The same with tensors that another holds. */
    TokenFacts with(Optional<Codebook> codebook, Optional<Accumulation> accumulation) {
        return new TokenFacts(
                space, row, classes, classNames, codebook, accumulation, tokenizer, tokenizerRun, copies, metadata);
    }

    /** The same with so many grids of an image. */
    TokenFacts copies(int count) {
        return new TokenFacts(
                space, row, classes, classNames, codebook, accumulation, tokenizer, tokenizerRun, count, metadata);
    }

    /** The same with so many classes. */
    TokenFacts classes(int count) {
        return new TokenFacts(
                space, row, count, classNames, codebook, accumulation, tokenizer, tokenizerRun, copies, metadata);
    }
}
