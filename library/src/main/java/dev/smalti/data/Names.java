package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Many names in little memory: a million of 20 letters take 28 MB, where strings take 80. */
final class Names {
    private byte[] text = new byte[64];
    private int[] starts = new int[16];
    private int size;

    Names() {}

    Names(List<String> names) {
        starts = new int[names.size() + 1];
        text = new byte[Math.max(64, 16 * names.size())];
        names.forEach(this::add);
        trim();
    }

    void add(String name) {
        byte[] letters = name.getBytes(StandardCharsets.UTF_8);
        if (letters.length > Bytes.MOST_IN_MEMORY - starts[size]) {
            throw new DataException(Phrase.of(
                            "the names of all files may have %,d bytes, and the first %,d have as many: take a part of them")
                    .with(Bytes.MOST_IN_MEMORY, size));
        }
        int end = starts[size] + letters.length;
        if (end > text.length) {
            text = Arrays.copyOf(text, (int) Math.min(Bytes.MOST_IN_MEMORY, Math.max(end, text.length * 3L / 2)));
        }
        if (size + 1 == starts.length) {
            starts = Arrays.copyOf(starts, starts.length * 3 / 2);
        }
        System.arraycopy(letters, 0, text, starts[size], letters.length);
        size++;
        starts[size] = end;
    }

    /** Gives back what no name needs. */
    void trim() {
        text = Arrays.copyOf(text, starts[size]);
        starts = Arrays.copyOf(starts, size + 1);
    }

    int size() {
        return size;
    }

    String get(int index) {
        return new String(text, starts[index], starts[index + 1] - starts[index], StandardCharsets.UTF_8);
    }
}
