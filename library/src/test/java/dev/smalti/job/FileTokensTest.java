package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Seed;
import java.util.BitSet;
import org.junit.jupiter.api.Test;

class FileTokensTest {
    @Test
    void shuffles_ten_copies_of_each_image_of_imagenet_and_keeps_them_together() {
        int images = 1_281_167;
        int[] order = FileTokens.shuffled(10 * images, 10, new Seed(1));
        int together = 0;
        BitSet seen = new BitSet();
        for (int i = 0; i < order.length; i++) {
            together += order[i] == order[i / 10 * 10] + i % 10 ? 1 : 0;
            seen.set(order[i]);
        }
        assertThat(together).isEqualTo(order.length);
        assertThat(seen.cardinality()).isEqualTo(order.length);
        assertThat(order[0] % 10).isZero();
    }
}
