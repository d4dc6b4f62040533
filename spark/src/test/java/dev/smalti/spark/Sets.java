package dev.smalti.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Folders of images, and what lies in them. */
final class Sets {
    private Sets() {}

    /** Images of 64 x 64, each of one colour but for some noise. */
    static Path images(Path folder, int count, int seed) {
        for (int i = 0; i < count; i++) {
            SplittableRandom random = new SplittableRandom(1000L * seed + i);
            byte[] rgb = new byte[3 * 64 * 64];
            int[] colour = {random.nextInt(200), random.nextInt(200), random.nextInt(200)};
            for (int j = 0; j < rgb.length; j++) {
                rgb[j] = (byte) (colour[j % 3] + random.nextInt(50));
            }
            Pictures.writePng(folder.resolve(100 + i + ".png"), new Pixels(64, 64, rgb));
        }
        return folder;
    }

    /** Holds two folders to have the same files, hidden ones too, with the same bytes. */
    static void assertSame(Path one, Path other) throws IOException {
        assertThat(names(one)).isEqualTo(names(other)).isNotEmpty();
        for (String name : names(one)) {
            assertThat(one.resolve(name)).hasSameBinaryContentAs(other.resolve(name));
        }
    }

    static List<String> names(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile)
                    .map(each -> folder.relativize(each).toString())
                    .sorted()
                    .toList();
        }
    }

    /** Arguments, anything with a text, and more of them. */
    static List<String> with(List<String> arguments, Object... more) {
        List<String> all = new ArrayList<>(arguments);
        Stream.of(more).map(Object::toString).forEach(all::add);
        return all;
    }
}
