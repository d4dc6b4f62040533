package dev.smalti.recipe;

import dev.smalti.tensor.EditDistance;
import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Guesses which known name a misspelt one was meant to be. */
public final class Nearest {
    private Nearest() {}

    /**
     * The known name with the smallest edit distance to {@code given}, if it is near enough to be worth a "did you
     * mean": up to a third of the letters may differ. Case, hyphens and underscores don't count, and the beginning of a
     * name is near to it.
     */
    public static Optional<String> name(String given, Collection<String> known) {
        String wanted = letters(given);
        String nearest = null;
        int smallest = Integer.MAX_VALUE;
        for (String name : known) {
            String candidate = letters(name);
            int longer = Math.max(wanted.length(), candidate.length());
            int allowed = Math.min((longer + 2) / 3, longer - 1);
            if (Math.abs(wanted.length() - candidate.length()) <= allowed) {
                int distance = EditDistance.of(wanted, candidate);
                if (distance <= allowed && distance < smallest) {
                    nearest = name;
                    smallest = distance;
                }
            }
        }
        if (nearest == null && wanted.length() >= 3) {
            return known.stream()
                    .filter(name -> letters(name).startsWith(wanted))
                    .findFirst();
        }
        return Optional.ofNullable(nearest);
    }

    private static String letters(String name) {
        return name.toLowerCase(Locale.ROOT).replaceAll("[-_ ]", "");
    }
}
