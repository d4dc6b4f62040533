/**
 * What a YAML file may say: recipes, and where a run comes from.
 *
 * <p>A recipe is a record, and the record is all there is to declare: its components are the keys, its types the rules,
 * its compact constructor the defaults and the limits. {@link dev.smalti.recipe.RecipeFile} does the rest.
 *
 * <pre>{@code
 * record ToyRecipe(String name, Training training, PriorConfiguration prior) {
 *     ToyRecipe {
 *         name = name == null ? "toy" : name;                          // may be left out
 *         training = training == null ? new Training(1000, null) : training;
 *         Objects.requireNonNull(prior, "prior");                      // "missing required key prior"
 *     }
 * }
 *
 * record Training(int steps, Double learningRate) {                    // a primitive is required
 *     Training {
 *         learningRate = learningRate == null ? 3e-4 : learningRate;
 *         if (steps < 1) {
 *             throw new IllegalArgumentException("steps must be at least 1, got " + steps);
 *         }
 *     }
 * }
 * }</pre>
 *
 * <pre>{@code
 * training:
 *   steps: 500            # learning_rate is left out: 0.0003
 * prior:
 *   kind: absorbing       # which record of the family PriorConfiguration
 *   layers: 4             # that record's own keys
 * }</pre>
 *
 * <p>{@code RecipeFile.read(file, ToyRecipe.class, List.of("training.steps=100", "prior.layers=2"))} reads it with two
 * keys changed. Whatever doesn't fit is refused in one line with the file, the key, the rule and the way out:
 *
 * <pre>
 * recipes/toy.yaml: unknown key training.bach_size; did you mean batch_size? (known: steps, batch_size)
 * recipes/toy.yaml: training.steps must be a whole number, got "many"
 * recipes/toy.yaml: training: steps must be at least 1, got 0
 * </pre>
 *
 * <p>The rules:
 *
 * <ul>
 *   <li>Keys are the components' names in snake case: {@code learningRate} is {@code learning_rate}.
 *   <li>A component is a whole number ({@code int}, {@code long}), a number ({@code double}, {@code float}), a
 *       {@code boolean}, a {@code String}, a {@code Path}, an enum (any case), a record, an interface whose
 *       implementations have {@linkplain dev.smalti.recipe.Kind kinds}, or a {@code List} or
 *       {@code Map<String, ...>} of these. Whole numbers are numbers too, but 1.5 or 1e3 is no whole number.
 *   <li>Primitives are required. Everything else is null when it is left out or empty, and the compact constructor puts
 *       the default in its place, throws, or lets null stand.
 *   <li>What the constructor throws reaches the user with the file and the path in front. A
 *       {@link java.lang.NullPointerException} whose message is the name of a component says that its key is missing.
 *   <li>A third-party jar adds kinds with a {@link dev.smalti.recipe.KindProvider}.
 *   <li>The Javadoc of a component says {@code @param key what it is; its range; its default if left out}: the range of
 *       numbers and texts, the default of what may be left out. {@code docs/recipes.md} is made of that, and a test holds
 *       ranges and defaults against what the record does.
 *   <li>YAML aliases and second documents are refused, and so are more than a million characters or 50 levels.
 * </ul>
 *
 * <p>{@link dev.smalti.recipe.Provenance} is the file that says which versions, data and parents a run was made with.
 */
package dev.smalti.recipe;
