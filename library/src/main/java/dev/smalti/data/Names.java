package dev.smalti.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Many names in little memory: a million of 20 letters take 28 MB, where strings take 80. */
final class Names {
    private final byte[] text;
    private final int[] starts;

    Names(List<String> names) {
        starts = new int[names.size() + 1];
        byte[] buffer = new byte[Math.max(64, 16 * names.size())];
        for (int i = 0; i < names.size(); i++) {
            byte[] name = names.get(i).getBytes(StandardCharsets.UTF_8);
            starts[i + 1] = Math.addExact(starts[i], name.length);
            if (starts[i + 1] > buffer.length) {
                buffer = Arrays.copyOf(
                        buffer, (int) Math.min(Integer.MAX_VALUE - 8, Math.max(starts[i + 1], buffer.length * 3L / 2)));
            }
            System.arraycopy(name, 0, buffer, starts[i], name.length);
        }
        text = Arrays.copyOf(buffer, starts[names.size()]);
    }

    int size() {
        return starts.length - 1;
    }

    String get(int index) {
        return new String(text, starts[index], starts[index + 1] - starts[index], StandardCharsets.UTF_8);
    }
}
