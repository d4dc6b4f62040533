package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OrtEnvironment;
import dev.smalti.data.Pixels;
import dev.smalti.job.ExportModel;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script that draws by ONNX Runtime alone, with the bundled model. */
class OnnxDrawTest {
    private static final int COUNT = 4;

    @TempDir
    Path folder;

    @Test
    void draws_fruits_by_the_two_loops() throws Exception {
        Path exported = folder.resolve("fruits-onnx");
        new ExportModel(Jvm.HOME.resolve("models/fruits-64-small").toString(), ExportModel.Form.ONNX, exported).run();
        Path script = Jvm.HOME.resolve("examples/OnnxDraw.java");
        Jvm.compile(List.of(script), folder.resolve("classes"));
        for (String loop : List.of("absorbing", "confidence")) {
            Path picture = folder.resolve(loop + ".png");
            draw(List.of(
                    "OnnxDraw", exported.toString(), picture.toString(), Integer.toString(COUNT), "cherry-1", loop));
            check(Pixels.decode(Files.readAllBytes(picture), loop));
        }
    }

    /** With nothing beside ONNX Runtime, as the page says. */
    private void draw(List<String> command) throws Exception {
        Path runtime = Path.of(OrtEnvironment.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Jvm.run(folder, runtime + File.pathSeparator + folder.resolve("classes"), command);
    }

    private static void check(Pixels picture) {
        assertThat(picture.width()).isEqualTo(COUNT * 64);
        for (int i = 0; i < COUNT; i++) {
            assertThat(mean(picture, 64 * i + 1, 1)).as("a corner, background").isGreaterThan(215);
            assertThat(mean(picture, 64 * i + 32, 40))
                    .as("the dark flesh of a cherry")
                    .isLessThan(130);
        }
    }

    private static int mean(Pixels picture, int x, int y) {
        int at = 3 * (y * picture.width() + x);
        return ((picture.rgb()[at] & 0xff) + (picture.rgb()[at + 1] & 0xff) + (picture.rgb()[at + 2] & 0xff)) / 3;
    }

    @Test
    void the_page_shows_what_the_script_does() throws Exception {
        String script = plain(Files.readString(Jvm.HOME.resolve("examples/OnnxDraw.java")));
        List<Snippet> shown = Snippet.ofMarkdown(Jvm.HOME.resolve("docs/export.md"));
        assertThat(shown).hasSizeGreaterThan(1);
        shown.forEach(each -> assertThat(script).contains(plain(each.code())));
        String pom = Files.readString(Jvm.HOME.resolve("pom.xml"));
        String version = pom.replaceFirst("(?s).*<onnxruntime.version>(.*?)<.*", "$1");
        assertThat(script).contains("//DEPS com.microsoft.onnxruntime:onnxruntime:" + version);
    }

    /** Whatever the margin. */
    private static String plain(String code) {
        return code.lines().map(String::strip).reduce("", (a, b) -> a + b + "\n");
    }
}
