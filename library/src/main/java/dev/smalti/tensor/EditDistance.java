package dev.smalti.tensor;

/** How far words are from each other. */
public final class EditDistance {
    private EditDistance() {}

    /**
     * Levenshtein 1966: insertions, deletions and replacements of letters that turn {@code a} into {@code b}.
     *
     * @return 0 for equal words, at most the length of the longer
     */
    public static int of(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0]; // the distance of a[0, i-1) and b[0, j-1)
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
