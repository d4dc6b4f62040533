package dev.smalti.recipe;

import java.util.List;

/**
 * Brings kinds to recipes. A jar names its implementation in {@code META-INF/services/dev.smalti.recipe.KindProvider};
 * from then on a recipe may say {@code kind:} with any of its names.
 */
public interface KindProvider {
    List<Kind> kinds();
}
