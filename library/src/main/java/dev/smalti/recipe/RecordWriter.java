package dev.smalti.recipe;

import dev.smalti.tensor.Phrase;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Makes of a record the tree of plain maps, lists and values that {@link RecordReader} reads back. */
final class RecordWriter {
    private final Kinds kinds;

    RecordWriter(Kinds kinds) {
        this.kinds = kinds;
    }

    Map<String, Object> write(Record record) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (Field field : Field.of(record.getClass())) {
            tree.put(field.key(), value(field.valueIn(record), field.type()));
        }
        return tree;
    }

    private Object value(Object value, Type type) {
        if (value instanceof List<?> list) {
            Type inner = inner(type, 0);
            return list.stream().map(each -> value(each, inner)).toList();
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> tree = new LinkedHashMap<>();
            map.forEach((key, each) -> tree.put((String) key, value(each, inner(type, 1))));
            return tree;
        }
        if (value instanceof Record record) {
            return type instanceof Class<?> family && family.isInterface() ? member(record, family) : write(record);
        }
        if (value instanceof Enum<?> constant) {
            return constant.name().toLowerCase(Locale.ROOT);
        }
        return value instanceof Path ? value.toString() : value;
    }

    private Map<String, Object> member(Record record, Class<?> family) {
        Kind kind = kinds.standingFor(family, record.getClass())
                .orElseThrow(() -> new RecipeException(Phrase.of("no provider brings a kind of %s that stands for %s")
                        .with(family.getSimpleName(), record.getClass().getName())));
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put(Kinds.KEY, kind.name());
        tree.putAll(write(record));
        return tree;
    }

    private static Type inner(Type type, int index) {
        return ((ParameterizedType) type).getActualTypeArguments()[index];
    }
}
