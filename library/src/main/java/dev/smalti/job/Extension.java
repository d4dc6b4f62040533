package dev.smalti.job;

import dev.smalti.recipe.Nearest;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** How many pixels are added at each side of an image that is edited. */
public record Extension(int left, int right, int top, int bottom) {
    public static final Extension NONE = new Extension(0, 0, 0, 0);

    private static final List<String> SIDES = List.of("left", "right", "top", "bottom");
    private static final int MOST = 1 << 16;
    private static final String EXAMPLE = ", such as left=64,bottom=32, got ";

    public Extension {
        for (int side : new int[] {left, right, top, bottom}) {
            if (side < 0 || side > MOST) {
                throw new JobException("an extension must be from 0 to " + MOST + " pixels, got " + side);
            }
        }
    }

    /** Reads {@code left=64,right=0,top=0,bottom=32}; sides that aren't named stay. */
    public static Extension parse(String text) {
        Map<String, Integer> sides = new LinkedHashMap<>();
        for (String part : text.split(",", -1)) {
            String[] pair = part.strip().split("=", -1);
            if (pair.length != 2 || !pair[1].matches("\\d{1,9}")) {
                throw new JobException("an extension must be SIDE=PIXELS" + EXAMPLE + text);
            }
            if (!SIDES.contains(pair[0])) {
                throw new JobException("an extension has the sides " + String.join(", ", SIDES) + EXAMPLE + pair[0]
                        + Nearest.name(pair[0], SIDES)
                                .map(near -> "; did you mean " + near + "?")
                                .orElse(""));
            }
            if (sides.put(pair[0], Integer.parseInt(pair[1])) != null) {
                throw new JobException("an extension names each side once" + EXAMPLE + text);
            }
        }
        return new Extension(
                sides.getOrDefault("left", 0),
                sides.getOrDefault("right", 0),
                sides.getOrDefault("top", 0),
                sides.getOrDefault("bottom", 0));
    }

    /** @throws JobException if a side isn't whole tokens of {@code factor} pixels */
    void check(int factor) {
        int[] pixels = {left, right, top, bottom};
        for (int i = 0; i < pixels.length; i++) {
            if (pixels[i] % factor != 0) {
                int below = pixels[i] / factor * factor;
                throw new JobException(
                        Phrase.of("%s must be a multiple of the %d pixels of a token, got %d: take %d or %d")
                                .with(SIDES.get(i), factor, pixels[i], below, below + factor));
            }
        }
    }
}
