package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.evaluate.LpipsWeights;
import dev.smalti.job.FindNeighbours.By;
import dev.smalti.job.FindNeighbours.Found;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.metric.lpips.LpipsFiles;
import dev.smalti.metric.lpips.Net;
import dev.smalti.model.Opening;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LpipsNeighboursTest {
    private static final int SIZE = 32;

    @TempDir
    private static Path files;

    private static Path backbone;
    private static Path linear;

    @TempDir
    private Path folder;

    @BeforeAll
    static void writes_weights() {
        backbone = LpipsFiles.backbone(Net.ALEX, files);
        linear = LpipsFiles.linear(Net.ALEX, files);
    }

    @Test
    void finds_copies_at_distance_0_and_gives_the_distances_of_the_others() {
        for (int i = 0; i < 6; i++) {
            Pictures.writePng(folder.resolve("data").resolve(i + ".png"), image(i));
            if (i < 2) {
                Pictures.writePng(folder.resolve("samples").resolve(i + ".png"), image(i));
            }
        }
        FindNeighbours.Result result = new FindNeighbours(
                        folder.resolve("samples"),
                        folder.resolve("data"),
                        folder.resolve("out.png"),
                        By.LPIPS,
                        6,
                        null,
                        null,
                        new LpipsWeights(backbone, linear),
                        false,
                        false,
                        Opening.on("cpu"))
                .run(Observer.NONE);
        assertThat(result.side()).isEqualTo(SIZE);
        try (Lpips lpips = Lpips.open(Net.ALEX, backbone, linear, Devices.cpu())) {
            assertThat(result.lpips()).isEqualTo(lpips.facts());
            for (int i = 0; i < 2; i++) {
                int sample = i;
                Found found = result.found().get(i);
                assertThat(found.neighbours().get(0).index()).isEqualTo(i);
                assertThat(found.neighbours().get(0).distance()).isCloseTo(0, within(1e-9));
                assertThat(found.neighbours()).hasSize(6).allSatisfy(each -> {
                    double expected = Scope.value(() -> lpips.distance(
                                    Pictures.toTensor(image(sample)), Pictures.toTensor(image(each.index())))
                            .item_double());
                    assertThat(each.distance()).isCloseTo(expected, within(1e-5));
                });
            }
        }
    }

    @Test
    void compares_whole_images_when_it_is_asked_to() {
        int size = 100;
        for (int i = 0; i < 5; i++) {
            Pictures.writePng(folder.resolve("data").resolve(i + ".png"), image(i, size));
        }
        Pictures.writePng(folder.resolve("samples").resolve("0.png"), image(2, size));
        FindNeighbours.Result result = find(By.LPIPS, new LpipsWeights(backbone, linear));
        assertThat(result.side()).isEqualTo(size);
        try (Lpips lpips = Lpips.open(Net.ALEX, backbone, linear, Devices.cpu())) {
            Found found = result.found().get(0);
            assertThat(found.neighbours().get(0).index()).isEqualTo(2);
            assertThat(found.neighbours()).hasSize(5).allSatisfy(each -> {
                double expected = Scope.value(() -> lpips.distance(
                                Pictures.toTensor(image(2, size)), Pictures.toTensor(image(each.index(), size)))
                        .item_double());
                assertThat(each.distance()).isCloseTo(expected, within(1e-5));
            });
        }
        assertThat(find(By.PIXELS, null).side()).isEqualTo(size);
        Pictures.writePng(folder.resolve("samples").resolve("0.png"), image(2, 16));
        assertThatThrownBy(() -> find(By.PIXELS, null))
                .isInstanceOf(JobException.class)
                .hasMessageContainingAll("--full-size", "32 to 1,024", "is 16", "leave it out");
        assertThatThrownBy(() -> find(By.FEATURES, null)).hasMessageContainingAll("--full-size", "leave it out");
    }

    @Test
    void finds_the_same_where_the_samples_are_held_in_parts() {
        for (int i = 0; i < 7; i++) {
            Pictures.writePng(folder.resolve("data").resolve(i + ".png"), image(i));
            Pictures.writePng(folder.resolve("samples").resolve(i + ".png"), image(6 - i));
        }
        List<String> phases = new ArrayList<>();
        FindNeighbours job = job(By.PIXELS, null);
        FindNeighbours.Result whole = job.run(Observer.NONE);
        FindNeighbours.Result parts = job.run(phase -> phases.add(phase.name()), 2 * 3 * SIZE * SIZE);
        assertThat(parts.found()).isEqualTo(whole.found()).hasSize(7);
        assertThat(parts.found().get(2).neighbours().get(0).index()).isEqualTo(4);
        assertThat(parts.compared()).isEqualTo(7);
        assertThat(phases).contains("comparing, pass 1 of 4", "comparing, pass 4 of 4");
    }

    private FindNeighbours.Result find(By by, LpipsWeights lpips) {
        return job(by, lpips).run(Observer.NONE);
    }

    private FindNeighbours job(By by, LpipsWeights lpips) {
        return new FindNeighbours(
                folder.resolve("samples"),
                folder.resolve("data"),
                folder.resolve("out.png"),
                by,
                5,
                null,
                null,
                lpips,
                true,
                false,
                Opening.on("cpu"));
    }

    private static Pixels image(int number) {
        return image(number, SIZE);
    }

    private static Pixels image(int number, int size) {
        byte[] rgb = new byte[3 * size * size];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (128 + 100 * Math.sin(i * (0.01 + 0.007 * number)));
        }
        return new Pixels(size, size, rgb);
    }
}
