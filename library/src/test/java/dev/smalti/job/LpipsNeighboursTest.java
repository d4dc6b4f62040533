package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.evaluate.LpipsWeights;
import dev.smalti.job.FindNeighbours.By;
import dev.smalti.job.FindNeighbours.Found;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.metric.lpips.LpipsFiles;
import dev.smalti.metric.lpips.Net;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LpipsNeighboursTest {
    private static final int SIZE = 32;

    @TempDir
    private Path folder;

    @Test
    void finds_copies_at_distance_0_and_gives_the_distances_of_the_others() {
        for (int i = 0; i < 6; i++) {
            Pictures.writePng(folder.resolve("data").resolve(i + ".png"), image(i));
            if (i < 2) {
                Pictures.writePng(folder.resolve("samples").resolve(i + ".png"), image(i));
            }
        }
        Path backbone = LpipsFiles.backbone(Net.ALEX, folder);
        Path linear = LpipsFiles.linear(Net.ALEX, folder);
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
                        "cpu")
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

    private static Pixels image(int number) {
        byte[] rgb = new byte[3 * SIZE * SIZE];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (128 + 100 * Math.sin(i * (0.01 + 0.007 * number)));
        }
        return new Pixels(SIZE, SIZE, rgb);
    }
}
