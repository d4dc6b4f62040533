package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.corruption.Noise;
import dev.smalti.metric.classifier.ClassifierConfiguration;
import dev.smalti.network.BesnierTransformerConfiguration;
import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.autoregressive.AutoregressiveConfiguration;
import dev.smalti.prior.d3pm.D3pmConfiguration;
import dev.smalti.prior.lcmd.LcmdConfiguration;
import dev.smalti.prior.lcmd.ShiftedCosine;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.prior.maskgit.MaskGitSampling;
import dev.smalti.prior.process.DistillationConfiguration;
import dev.smalti.prior.rdpm.RdpmConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.recipe.RecipeReference.Key;
import dev.smalti.recipe.RecipeReference.Section;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.residual.ResidualConfiguration;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.LpipsConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import dev.smalti.tokenizer.vqgan.VqganLayers;
import dev.smalti.train.TrainingConfiguration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code docs/recipes.md} is what the records say, and what they say of themselves is true. */
class RecipeReferenceTest {
    private static final Path PAGE = Path.of("..", "docs", "recipes.md");
    private static final RecipeReference REFERENCE = RecipeReference.ofAll(Path.of("src", "main", "java"));

    private static final String SIZE = "layers: 1, width: 8, heads: 2";
    private static final String NETWORK = "network: {" + SIZE + "}";
    private static final String VQGAN =
            "size: 32, channels: 8, multipliers: [1, 2], codebook: {codes: 8, dimension: 4}";
    private static final String TRAINING = "training: {steps: 100, batch: 8, learning_rate: 0.001}";
    private static final String CLASSIFIER = "size: 32, channels: 8, multipliers: [1, 2]";

    /** Of each record the required keys, and no other. */
    private static final Map<Class<?>, String> REQUIRED = new HashMap<>();

    static {
        REQUIRED.put(TokenizerRecipe.class, "tokenizer: {kind: vqgan, " + VQGAN + "}, " + TRAINING);
        REQUIRED.put(PriorRecipe.class, "prior: {kind: absorbing, " + NETWORK + "}, " + TRAINING);
        REQUIRED.put(DistillationConfiguration.class, "");
        REQUIRED.put(FeaturesRecipe.class, "classifier: {" + CLASSIFIER + "}, " + TRAINING);
        REQUIRED.put(ComparePlan.class, "real: a.zip");
        REQUIRED.put(ComparePlan.Entry.class, "name: a");
        REQUIRED.put(ComparePlan.TokenizerEntry.class, "name: a");
        REQUIRED.put(ComparePlan.Sweep.class, "");
        REQUIRED.put(ComparePlan.CorrectorEntry.class, "kind: gibbs");
        REQUIRED.put(DistillationConfiguration.class, "");
        REQUIRED.put(DataRecipe.class, "");
        REQUIRED.put(ImageRecipe.class, "");
        REQUIRED.put(TrainingConfiguration.class, "steps: 100, batch: 8, learning_rate: 0.001");
        REQUIRED.put(VqganConfiguration.class, VQGAN);
        REQUIRED.put(VqganLayers.class, "");
        REQUIRED.put(ResidualConfiguration.class, "steps: 2, autoencoder: {" + VQGAN + "}");
        REQUIRED.put(CodebookConfiguration.class, "codes: 8, dimension: 4");
        REQUIRED.put(AdversarialConfiguration.class, "start: 0");
        REQUIRED.put(LpipsConfiguration.class, "backbone: a, linear: b");
        REQUIRED.put(ClassifierConfiguration.class, CLASSIFIER);
        REQUIRED.put(AbsorbingConfiguration.class, NETWORK);
        REQUIRED.put(AutoregressiveConfiguration.class, NETWORK);
        REQUIRED.put(D3pmConfiguration.class, NETWORK);
        REQUIRED.put(LcmdConfiguration.class, "network: {kind: dit, " + SIZE + "}");
        REQUIRED.put(LcmdConfiguration.Embedding.class, "");
        REQUIRED.put(LcmdConfiguration.Weights.class, "");
        REQUIRED.put(LcmdConfiguration.Dropping.class, "");
        REQUIRED.put(LcmdConfiguration.Consistency.class, "");
        REQUIRED.put(LcmdConfiguration.Steps.class, "");
        REQUIRED.put(ShiftedCosine.class, "");
        REQUIRED.put(MaskGitConfiguration.class, NETWORK);
        REQUIRED.put(MaskGitSampling.class, "");
        REQUIRED.put(RdpmConfiguration.class, "dimension: 4, " + NETWORK);
        REQUIRED.put(SeddConfiguration.class, NETWORK);
        REQUIRED.put(AbsorbingConfiguration.Drawn.class, "");
        REQUIRED.put(SeddConfiguration.Steps.class, "");
        REQUIRED.put(Noise.class, "");
        REQUIRED.put(VqDiffusionConfiguration.class, NETWORK);
        REQUIRED.put(VqDiffusionConfiguration.Drawing.class, "");
        REQUIRED.put(BesnierTransformerConfiguration.class, SIZE);
        REQUIRED.put(CausalLlamaConfiguration.class, SIZE);
        REQUIRED.put(TransformerConfiguration.class, SIZE);
        REQUIRED.put(DiffusionTransformerConfiguration.class, SIZE);
        REQUIRED.put(HaltonTransformerConfiguration.class, SIZE);
        REQUIRED.put(LlamaTransformerConfiguration.class, SIZE);
        REQUIRED.put(VqDiffusionTransformerConfiguration.class, SIZE);
    }

    /** What must be said for a value of a key to be allowed, where the required keys don't do. */
    private static final Map<String, String> GOES_WITH = Map.of(
            "sweeps[].against", "guidance=[1]",
            "sweeps[].corrector[].kappa", "kind=psi",
            "sweeps[].corrector[].eta", "kind=remask_cap",
            "prior.exponent", "schedule=power",
            "prior.sampling.exponent", "schedule=power",
            "prior.sampling.tokens", "purity=1",
            "tokenizer.codebook.revive_below", "update=moving_average",
            "tokenizer.size", "adversarial={start: 0, layers: 1}");

    @Test
    void the_page_is_what_the_records_say() throws IOException {
        String page = REFERENCE.markdown();
        if (Boolean.getBoolean("smalti.write")) {
            Files.writeString(PAGE, page);
        }
        assertThat(Files.exists(PAGE) ? Files.readString(PAGE) : "")
                .as("docs/recipes.md is out of date; this writes it anew: " + RecipeReference.COMMAND)
                .isEqualTo(page);
    }

    static List<Section> sections() {
        return REFERENCE.sections();
    }

    @ParameterizedTest
    @MethodSource("sections")
    void every_key_has_a_meaning_a_range_if_it_is_a_number_or_a_text_and_names_that_are_explained(Section section) {
        assertThat(section.keys()).allSatisfy(key -> {
            assertThat(key.text().meaning()).as("what %s is", key.path()).isNotEmpty();
            if (RecipeReference.hasRange(key.field().type())) {
                assertThat(key.text().range())
                        .as("which values %s may have", key.path())
                        .isNotEmpty();
            }
            REFERENCE.constantsOf(key).forEach((name, said) -> assertThat(said)
                    .as("what %s of %s is", name, key.path())
                    .isNotEmpty());
        });
    }

    @ParameterizedTest
    @MethodSource("sections")
    void keys_without_a_default_are_those_that_must_be_given(Section section) {
        assertThat(REQUIRED)
                .as("an example of the required keys of each record")
                .containsKey(section.record());
        Set<String> given = given(section);
        assertThat(section.keys()).allSatisfy(key -> {
            assertThat(key.text().required())
                    .as("%s must be given, since its Javadoc has no \"… if left out\"", key.path())
                    .isEqualTo(given.contains(key.name()));
            if (key.text().required()) {
                assertThatThrownBy(() -> read(section, key, ""))
                        .as("%s without %s", section, key.path())
                        .isInstanceOf(RecipeException.class)
                        .hasMessageContaining(key.name());
            }
        });
    }

    @ParameterizedTest
    @MethodSource("sections")
    void a_default_is_what_the_record_puts_in_place_of_nothing(Section section) {
        List<Key> optional =
                section.keys().stream().filter(key -> !key.text().required()).toList();
        assertThat(optional).allSatisfy(key -> {
            Object value = key.field().valueIn(read(section, key, ""));
            boolean own = key.text().usual().startsWith("its own defaults");
            (own ? Optional.of("{}") : key.text().literal()).ifPresent(text -> assertThat(value)
                    .as("%s if left out", key.path())
                    .isEqualTo(key.field().valueIn(read(section, key, text))));
            if (key.text().usual().startsWith("none")) {
                assertThat(value instanceof Collection<?> many && many.isEmpty() ? null : value)
                        .as("%s if left out", key.path())
                        .isNull();
            }
        });
    }

    @ParameterizedTest
    @MethodSource("sections")
    void a_record_takes_what_is_in_the_range_of_a_key_and_refuses_what_is_not(Section section) {
        assertThat(section.keys()).allSatisfy(key -> {
            String[] with = Stream.ofNullable(GOES_WITH.get(key.path())).toArray(String[]::new);
            for (String value : Limits.of(key).inside()) {
                assertThatCode(() -> read(section, key, value, with))
                        .as("%s is %s: %s", key.path(), key.text().range(), value)
                        .doesNotThrowAnyException();
            }
            for (String value : Limits.of(key).outside()) {
                assertThatThrownBy(() -> read(section, key, value, with))
                        .as("%s is %s, and not %s", key.path(), key.text().range(), value)
                        .isInstanceOf(RecipeException.class)
                        .extracting(refused -> refused.getMessage().replaceAll("[ -]", "_"))
                        .asString()
                        .contains(key.name());
            }
        });
    }

    /** Values at the limits of a range, and just beyond them; none of a range that only words tell. */
    private record Limits(List<String> inside, List<String> outside) {
        private static final String NUMBER = "(-?\\d+(?:\\.\\d+)?)";
        private static final Pattern INTERVAL = Pattern.compile("([\\[(])" + NUMBER + ", " + NUMBER + "([\\])])");
        private static final Pattern BETWEEN = Pattern.compile("(\\d+)\\.\\.(\\d+)");
        private static final Pattern LEAST = Pattern.compile("(at least|above) " + NUMBER);
        private static final Pattern ONE_OF = Pattern.compile("(`?[\\w]+`?)(, `?\\w+`?)* or `?\\w+`?");
        private static final double LITTLE = 0.001;

        static Limits of(Key key) {
            String range = key.text().range();
            List<String> inside = new ArrayList<>();
            List<String> outside = new ArrayList<>();
            boolean whole = key.field().type() instanceof Class<?> plain && RecipeReference.whole(plain)
                    || key.field().type().getTypeName().contains("Integer");
            Matcher interval = INTERVAL.matcher(range);
            Matcher between = BETWEEN.matcher(range);
            Matcher least = LEAST.matcher(range);
            if (ONE_OF.matcher(range).matches()) {
                inside.addAll(List.of(range.replace("`", "").split(", | or ")));
                outside.add(whole ? "3" : "other");
            } else if (interval.find()) {
                double from = Double.parseDouble(interval.group(2));
                double to = Double.parseDouble(interval.group(3));
                boolean fromToo = interval.group(1).equals("[");
                boolean toToo = interval.group(4).equals("]");
                inside.addAll(List.of("" + (fromToo ? from : from + LITTLE), "" + (toToo ? to : to - LITTLE)));
                outside.addAll(List.of("" + (fromToo ? from - LITTLE : from), "" + (toToo ? to + LITTLE : to), ".nan"));
            } else if (between.find()) {
                inside.addAll(List.of(between.group(1), between.group(2)));
                outside.addAll(List.of(
                        "" + (Long.parseLong(between.group(1)) - 1), "" + (Long.parseLong(between.group(2)) + 1)));
            } else if (least.find()) {
                boolean open = least.group(1).equals("above");
                double from = Double.parseDouble(least.group(2));
                if (whole) {
                    inside.add("" + (long) from);
                    outside.add("" + ((long) from - 1));
                } else {
                    inside.add("" + (open ? from + LITTLE : from));
                    outside.addAll(List.of("" + (open ? from : from - LITTLE), ".nan"));
                }
            }
            if (key.field().component().getType() == List.class) {
                boolean nested = key.field().type().getTypeName().contains("List<java.util.List");
                String list = range.startsWith("two") ? "[%1$s, %1$s]" : nested ? "[[%s]]" : "[%s]";
                inside.replaceAll(list::formatted);
                outside.replaceAll(list::formatted);
            }
            return new Limits(inside, outside);
        }
    }

    @Test
    void half_of_the_ranges_and_defaults_at_least_are_checked_and_not_only_words() {
        List<Key> all =
                sections().stream().flatMap(each -> each.keys().stream()).toList();
        assertThat(all.stream()
                        .filter(key -> RecipeReference.hasRange(key.field().type())
                                && !Limits.of(key).outside().isEmpty()))
                .hasSizeGreaterThan(100);
        assertThat(all.stream().filter(key -> key.text().literal().isPresent())).hasSizeGreaterThan(100);
    }

    @Test
    void a_key_is_told_from_its_javadoc() {
        KeyText text = KeyText.parse(
                "share of it, x; y (a; b): see `{a; b}`; [0, 1); 0.5, as the paper, if left out. More of it", false);
        assertThat(text.range()).isEmpty();
        text = KeyText.parse("share of it (a; b); [0, 1); 0.5, as the paper, if left out. More of it", true);
        assertThat(text).isEqualTo(new KeyText("share of it (a; b). More of it", "[0, 1)", "0.5, as the paper"));
        assertThat(text.literal()).hasValue("0.5");
        assertThat(KeyText.parse("a; 2d if left out", true)).isEqualTo(new KeyText("a", "", "2d"));
        assertThat(KeyText.parse("a; 2d if left out", true).literal()).isEmpty();
        assertThat(KeyText.parse("what is trained", false).required()).isTrue();
    }

    /** The required keys, and for {@code key} a value, which may be empty. */
    private static Record read(Section section, Key key, String value, String... with) {
        List<String> overrides = new ArrayList<>(List.of(with));
        if (section.record() == ComparePlan.class) { // one of these two
            overrides.add((key.name().equals("priors") ? "tokenizers" : "priors") + "=[{name: a, run: b}]");
        }
        if (section.record() == ComparePlan.Entry.class
                || section.record() == ComparePlan.TokenizerEntry.class) { // one of these two
            overrides.add(key.name().equals("recipe") ? "run=b" : "recipe=a");
        }
        overrides.add(key.name() + "=" + value);
        return (Record) RecipeFile.parse(
                "{" + REQUIRED.get(section.record()) + "}",
                section.title(),
                section.record(),
                overrides,
                REFERENCE.kinds());
    }

    private static Set<String> given(Section section) {
        return Yaml.read("{" + REQUIRED.get(section.record()) + "}", "an example") instanceof Node.Mapping mapping
                ? mapping.entries().keySet()
                : Set.of();
    }
}
