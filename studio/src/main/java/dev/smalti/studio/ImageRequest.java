package dev.smalti.studio;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Filters;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Temperatures;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenSpace;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a request for images says, in the words of image clients: {@code guidance_scale} 1 is none, as those have it, and our weight is
 * one less.
 *
 * @param model name of a served model; null for the first
 * @param prompt name of a class; empty for all classes evenly
 * @param width of the images in pixels; 0 for that of training
 * @param height likewise
 * @param stream whether events are sent as the images come to be
 * @param partialImages of each image in the making, in a stream
 * @param seed null for one of chance
 * @param negative name of a class that guidance leads away from; null for none
 */
record ImageRequest(
        String model,
        String prompt,
        int n,
        int width,
        int height,
        boolean stream,
        int partialImages,
        Long seed,
        String negative,
        Sampling sampling) {
    private static final SecureRandom CHANCE = new SecureRandom();
    private static final long MOST_SEED = 1L << 53; // that a number of JavaScript holds
    private static final long MOST_TOKENS = 1 << 16; // of an image: 2048 x 2048 pixels of 8 x 8 a token
    private static final long MOST_PIXELS = 1 << 25; // of a request, which are kept until the client has taken them
    private static final Pattern SIZE = Pattern.compile("([1-9]\\d{0,4})x([1-9]\\d{0,4})");

    /** Those that say what is drawn. */
    private static final Set<String> SAMPLING = Set.of(
            "seed",
            "num_inference_steps",
            "guidance_scale",
            "guidance_schedule",
            "negative_prompt",
            "temperature",
            "top_k",
            "top_p",
            "reveal",
            "order",
            "entropy_bound",
            "extrapolate",
            "trapezoidal",
            "corrector",
            "corrector_sweeps",
            "corrector_places",
            "corrector_when",
            "corrector_kappa",
            "corrector_eta");

    /** The name of none. */
    static final String NO_CORRECTOR = "none";

    private static final int MOST_SWEEPS = 1_000;

    private static final Set<String> USUAL =
            Set.of("model", "prompt", "n", "size", "response_format", "output_format", "stream", "partial_images");

    /** Those that image clients send and nothing here depends on. */
    private static final Set<String> IGNORED =
            Set.of("user", "quality", "style", "background", "moderation", "output_compression", "input_fidelity");

    /** Reads the parameters that drawing and editing have in common. @param more those that only one of them has */
    static ImageRequest read(Parameters parameters, Set<String> more, int mostImages) {
        Set<String> known = new TreeSet<>(SAMPLING);
        known.addAll(USUAL);
        known.addAll(IGNORED);
        known.addAll(more);
        parameters.requireKnown(known);
        parameters.choice("response_format", "b64_json", List.of("b64_json"));
        parameters.choice("output_format", "png", List.of("png"));
        String size = parameters.text("size", "auto").strip();
        Matcher sides = SIZE.matcher(size);
        if (!size.equals("auto") && !sides.matches()) {
            throw ApiException.bad(
                    "size", "size must be auto or WIDTHxHEIGHT in pixels, such as 64x64, got " + Excerpt.of(size));
        }
        boolean stream = parameters.truth("stream", false);
        int partial = (int) parameters.whole("partial_images", 0, 0, 16);
        if (partial > 0 && !stream) {
            throw ApiException.bad("partial_images", "partial_images needs stream: true");
        }
        String seed = parameters.text("seed", null);
        return new ImageRequest(
                parameters.text("model", null),
                parameters.text("prompt", "").strip(),
                (int) parameters.whole("n", 1, 1, mostImages),
                size.equals("auto") ? 0 : Integer.parseInt(sides.group(1)),
                size.equals("auto") ? 0 : Integer.parseInt(sides.group(2)),
                stream,
                partial,
                seed == null ? null : parameters.whole("seed", 0, -MOST_SEED, MOST_SEED),
                negative(parameters),
                sampling(parameters));
    }

    /** Null for none, which many clients say as an empty text. */
    private static String negative(Parameters parameters) {
        String negative = parameters.text("negative_prompt", "").strip();
        return negative.isEmpty() ? null : negative;
    }

    private static Sampling sampling(Parameters parameters) {
        double weight = parameters.number("guidance_scale", 1, 1, 1_000) - 1;
        GuidanceSchedule schedule = GuidanceSchedule.valueOf(
                upper(parameters.choice("guidance_schedule", "constant", names(GuidanceSchedule.values()))));
        double temperature = parameters.number("temperature", 1, 0, 100);
        Reveal reveal = Reveal.valueOf(upper(parameters.choice("reveal", "usual", names(Reveal.values()))));
        Order order = Order.valueOf(upper(parameters.choice("order", "usual", names(Order.values()))));
        double bound = parameters.number("entropy_bound", 0, 0, 1_000);
        int steps = (int) parameters.whole("num_inference_steps", 0, 0, 100_000);
        if (bound > 0 && steps > 0) {
            throw ApiException.bad(
                    "entropy_bound",
                    "entropy_bound says how many tokens a step reveals, and so does num_inference_steps: leave one of them out");
        }
        try {
            GuidanceSettings guidance = GuidanceSettings.NONE.weight(weight).schedule(schedule);
            return Sampling.USUAL
                    .steps(steps)
                    .temperatures(new Temperatures(temperature, temperature))
                    .filters(new Filters(
                            (int) parameters.whole("top_k", 0, 0, Integer.MAX_VALUE),
                            parameters.number("top_p", 1, 0, 1),
                            1))
                    .guidance(guidance)
                    .unmasking(new Unmasking(reveal, order, null, bound))
                    .extrapolation(extrapolation(parameters))
                    .corrector(corrector(parameters));
        } catch (IllegalArgumentException e) {
            throw ApiException.bad(null, e.getMessage());
        }
    }

    private static Extrapolation extrapolation(Parameters parameters) {
        double lambda = parameters.number("extrapolate", 0, 0, 10);
        double theta = parameters.number("trapezoidal", 0, 0, 1);
        if (lambda > 0 && theta > 0) {
            throw ApiException.bad(
                    "trapezoidal",
                    "extrapolate and trapezoidal are two ways to look ahead: leave one of them out, or give 0");
        }
        if (theta > 0) {
            return new Extrapolation.Trapezoidal(theta);
        }
        return lambda == 0 ? Extrapolation.NONE : new Extrapolation.Multistep(lambda);
    }

    private static Corrector corrector(Parameters parameters) {
        Map<String, Corrector.Kind> kinds = new LinkedHashMap<>();
        kinds.put(NO_CORRECTOR, null);
        for (Corrector.Kind kind : Corrector.Kind.values()) {
            kinds.put(kind.toString(), kind);
        }
        String name = parameters.choice("corrector", NO_CORRECTOR, List.copyOf(kinds.keySet()));
        String when = parameters.has("corrector_when")
                ? upper(parameters.choice("corrector_when", null, names(Corrector.When.values())))
                : null;
        return Corrector.of(
                kinds.get(name),
                parameters.has("corrector_sweeps")
                        ? Integer.valueOf((int) parameters.whole("corrector_sweeps", 1, 1, MOST_SWEEPS))
                        : null,
                parameters.has("corrector_places")
                        ? Integer.valueOf((int) parameters.whole("corrector_places", 1, 1, MOST_TOKENS))
                        : null,
                when == null ? null : Corrector.When.valueOf(when),
                share(parameters, "corrector_kappa"),
                share(parameters, "corrector_eta"));
    }

    /** Null if it isn't given. */
    private static Double share(Parameters parameters, String name) {
        return parameters.has(name) ? Double.valueOf(parameters.number(name, 0, 0, 1)) : null;
    }

    /** As clients write them. */
    static List<String> names(Enum<?>[] values) {
        return Arrays.stream(values)
                .map(each -> each.name().toLowerCase(Locale.ROOT))
                .toList();
    }

    private static String upper(String name) {
        return name.toUpperCase(Locale.ROOT);
    }

    /** The seed that was given, or else one of chance. */
    long seedOrChance() {
        return seed == null ? CHANCE.nextLong(MOST_SEED) : seed;
    }

    /** For images of that model. @throws ApiException if it can't draw them so */
    Wish.Draw draw(Model model, long seed, boolean watched) {
        try {
            Sampling wished = sampling(model);
            Sampling sized = width > 0 ? sized(model, wished) : wished;
            if (model.tokenizer() != null) {
                TokenSpace space = model.space(sized);
                requirePixels((long) space.height() * model.patch(), (long) space.width() * model.patch());
            }
            long[] labels = model.labels(prompt.isEmpty() ? List.of() : List.of(prompt), n, seed);
            return new Wish.Draw(n, labels, seed, sized, partialImages, watched);
        } catch (JobException e) {
            throw ApiException.bad(e.getMessage().startsWith("size") ? "size" : "prompt", e.getMessage());
        }
    }

    private Sampling sized(Model model, Sampling wished) {
        long tokens = (long) (height / model.patch()) * (width / model.patch());
        if (tokens > MOST_TOKENS) {
            throw ApiException.bad(
                    "size",
                    Phrase.of("size must be at most %d tokens of %dx%d pixels, got %dx%d, which are %d")
                            .with(MOST_TOKENS, model.patch(), model.patch(), width, height, tokens));
        }
        return model.sized(wished, height, width, 0);
    }

    /** @throws ApiException if the images, with those in the making, have more pixels together than one request may have */
    void requirePixels(long height, long width) {
        long pixels = n * (1L + partialImages) * height * width;
        if (pixels > MOST_PIXELS) {
            throw ApiException.bad(
                    "n",
                    Phrase.of(
                                    "n images of %dx%d, each with its partial_images, must have at most %d pixels together, got %d")
                            .with(width, height, MOST_PIXELS, pixels));
        }
    }

    /** With the class that guidance leads away from. @throws JobException if there is none of its name */
    Sampling sampling(Model model) {
        if (negative == null) {
            return sampling;
        }
        GuidanceSettings guidance = sampling.guidance();
        return sampling.guidance(new GuidanceSettings(
                guidance.weight(), guidance.schedule(), guidance.interval(), model.label(negative)));
    }
}
