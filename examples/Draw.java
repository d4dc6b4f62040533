///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS dev.smalti:smalti:0.1.0
//DEPS dev.smalti:smalti-model-fruits-64:0.1.0

import dev.smalti.data.Pictures;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import java.nio.file.Path;
import java.util.List;

/** Draws eight fruits: {@code jbang Draw.java cherry-1}, or {@code java -cp … Draw.java cherry-1}. */
class Draw {
    public static void main(String[] classes) throws Exception {
        try (Model model = Model.open("fruits-64")) {
            var images = model.images(List.of(classes), 8, 42, Sampling.USUAL, done -> System.err.print("\r" + done));
            Pictures.writePng(Path.of("fruits.png"), Pictures.grid(images, 4, 2));
        }
        System.err.println(" fruits in fruits.png");
    }
}
