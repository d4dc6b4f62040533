package dev.smalti.recipe;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;

/** A component of a record under the name that a recipe gives it: {@code batchSize} is {@code batch_size}. */
record Field(String key, RecordComponent component) {
    private static final SnakeCaseStrategy SNAKE_CASE = new SnakeCaseStrategy();

    static List<Field> of(Class<?> record) {
        return Arrays.stream(record.getRecordComponents())
                .map(component -> new Field(key(component.getName()), component))
                .toList();
    }

    static String key(String name) {
        return SNAKE_CASE.translate(name);
    }

    Type type() {
        return component.getGenericType();
    }

    /** A primitive can't say that it was left out, so its key is required. */
    boolean required() {
        return component.getType().isPrimitive();
    }

    Object valueIn(Object record) {
        try {
            Method accessor = component.getAccessor();
            accessor.setAccessible(true);
            return accessor.invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot read " + component + " of " + record.getClass(), e);
        }
    }
}
