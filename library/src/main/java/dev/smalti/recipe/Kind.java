package dev.smalti.recipe;

import dev.smalti.tensor.Phrase;

/**
 * A name that {@code kind:} may have in a recipe, and the configuration that it stands for.
 *
 * <pre>{@code
 * Kind kind = new Kind(PriorConfiguration.class, "absorbing", AbsorbingConfiguration.class);
 * }</pre>
 *
 * @param family the interface that is the type of a recipe's component
 * @param configuration the record that implements it
 * @param usual whether it is meant where a recipe leaves {@code kind} out; at most one of a family
 */
public record Kind(Class<?> family, String name, Class<? extends Record> configuration, boolean usual) {
    /** A kind that is always named. */
    public Kind(Class<?> family, String name, Class<? extends Record> configuration) {
        this(family, name, configuration, false);
    }

    /**
     * @throws IllegalArgumentException if the family is not an interface, the configuration does not implement it or
     *     has a component named kind, or the name is blank
     */
    public Kind {
        if (!family.isInterface()) {
            throw new IllegalArgumentException("a family of kinds must be an interface, got " + family.getName());
        }
        if (!configuration.isRecord() || !family.isAssignableFrom(configuration)) {
            throw new IllegalArgumentException(Phrase.of("kind %s must be a record that implements %s, got %s")
                    .with(name, family.getName(), configuration.getName()));
        }
        if (name.isBlank() || !name.equals(name.strip())) {
            throw new IllegalArgumentException(
                    Phrase.of("the kind of %s must have a name without spaces around it, got \"%s\"")
                            .with(configuration.getName(), name));
        }
        if (Field.of(configuration).stream().anyMatch(field -> field.key().equals(Kinds.KEY))) {
            throw new IllegalArgumentException(Phrase.of("kind %s must not have a key named kind itself: %s")
                    .with(name, configuration.getName()));
        }
    }
}
