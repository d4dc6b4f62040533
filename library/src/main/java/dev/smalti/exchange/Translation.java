package dev.smalti.exchange;

import java.util.Optional;
import java.util.function.Function;

/**
 * How one file becomes a network of ours.
 *
 * @param subject what it is, with the sizes that the shapes say
 * @param origins what a tensor of ours, by its name, is made of
 * @param leftOut why a tensor of theirs, by its name, is not needed, such as "discriminator"; empty if it isn't known
 */
public record Translation(
        Subject subject, Function<String, Origin> origins, Function<String, Optional<String>> leftOut) {}
