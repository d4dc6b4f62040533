package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.job.EditImage;
import dev.smalti.job.GenerateImages;
import dev.smalti.model.Model;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Stopping;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images of 16 x 16, tokens of 4 x 4 pixels. */
class EditTest {
    @TempDir
    private static Path folder;

    private static Path model;
    private static Path unconditional;
    private static Path image;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_two_priors() {
        TinyWorld world = new TinyWorld(folder);
        Path tokens = world.tokens(world.tokenizer());
        model = world.prior("prior", tokens);
        unconditional = world.prior("unconditional", tokens, "prior.conditional=false");
        image = folder.resolve("images").resolve("blue").resolve("3.png");
    }

    @Test
    void keeps_every_byte_outside_the_mask_and_varies_inside() throws IOException {
        Path mask = mask(16, 16, 5, 6, 4, 3);
        Path grid = fresh.resolve("grid.png");
        JsonNode json = done(edit("--mask", mask, "--count", 3, "--label", "blue", "--grid", grid, "--json"))
                .json();
        assertThat(json.get("size").asText()).isEqualTo("16x16");
        assertThat(json.get("places").asInt()).isEqualTo(16);
        assertThat(json.get("places_drawn").asInt()).isEqualTo(4); // columns 5..8 and rows 6..8 touch 2 x 2 tokens
        assertThat(json.get("resized_from").isNull()).isTrue();
        assertThat(names(out())).containsExactly("00000.png", "00001.png", "00002.png");
        Pixels input = read(image);
        List<Pixels> results = results();
        for (Pixels result : results) {
            assertThat(changed(input, result)).isNotEmpty().allMatch(at -> {
                int x = at % 16;
                int y = at / 16;
                return x >= 5 && x < 9 && y >= 6 && y < 9;
            });
        }
        assertThat(results).doesNotHaveDuplicates();
        Pixels all = read(grid); // the image, its mask and three results in rows of three
        assertThat(all.width()).isEqualTo(3 * 16 + 2 * 2);
        assertThat(all.height()).isEqualTo(2 * 16 + 2);
        assertThat(part(all, 0, 0)).isEqualTo(input);
        assertThat(part(all, 36, 0)).isEqualTo(results.get(0));
        assertThat(part(all, 18, 18)).isEqualTo(results.get(2));
    }

    @Test
    void draws_the_same_for_the_same_seed_whatever_the_batch() throws IOException {
        Path one = fresh.resolve("one.npz");
        Path many = fresh.resolve("many.npz");
        Path other = fresh.resolve("other.npz");
        for (Object[] each : new Object[][] {{one, 3, 1}, {many, 3, 4}, {other, 4, 4}}) {
            done(Command.run(
                    "edit",
                    model,
                    "--image",
                    image,
                    "--mask",
                    "0,0,8,16",
                    "--out",
                    each[0],
                    "--format",
                    "npz",
                    "--count",
                    5,
                    "--seed",
                    each[1],
                    "--batch",
                    each[2],
                    "--guidance",
                    1,
                    "--label",
                    "blue"));
        }
        assertThat(Files.mismatch(one, many)).as("seed 3").isEqualTo(-1);
        assertThat(Files.mismatch(one, other)).as("seeds 3 and 4").isNotEqualTo(-1);
        try (ImageSet set = ImageSet.open(one)) {
            assertThat(set.size()).isEqualTo(5);
        }
    }

    @Test
    void draws_the_whole_image_where_the_mask_is_all_of_it() throws IOException {
        done(edit("--mask", "0,0,16,16", "--count", 2, "--seed", 9, "--label", "blue"));
        Path generated = fresh.resolve("generated");
        done(Command.run("generate", model, "--out", generated, "--count", 2, "--seed", 9, "--label", "blue"));
        List<Pixels> drawn = new ArrayList<>();
        try (ImageSet set = ImageSet.open(generated)) {
            drawn.add(set.read(0));
            drawn.add(set.read(1));
        }
        for (int i = 0; i < 2; i++) { // but for the last bits of a decoder that sees other images beside
            assertThat(distance(results().get(i), drawn.get(i))).isLessThan(2);
        }
    }

    @Test
    void works_on_a_photo_as_it_is_seen_and_not_as_it_is_stored() throws IOException {
        Path photo = fresh.resolve("photo.png"); // lies on its left side, as a phone stores it
        Files.write(photo, turned(new BufferedImage(24, 16, BufferedImage.TYPE_INT_RGB)));
        Path mask = mask(16, 24, 0, 12, 16, 12);

        done(Command.run("edit", unconditional, "--image", photo, "--mask", mask, "--out", out(), "--count", 1));

        assertThat(results().get(0)).hasToString("Pixels[16 x 24]");
        assertThat(changed(read(photo), results().get(0))).allMatch(at -> at / 16 >= 12);
    }

    /** A PNG whose EXIF data turns it to the right. */
    private static byte[] turned(BufferedImage stored) throws IOException {
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(stored, "png", png);
        ByteBuffer chunk = ByteBuffer.allocate(4 + 26);
        chunk.put("eXIfMM".getBytes(StandardCharsets.US_ASCII))
                .putShort((short) 42)
                .putInt(8);
        chunk.putShort((short) 1)
                .putShort((short) 0x0112)
                .putShort((short) 3)
                .putInt(1)
                .putShort((short) 6);
        CRC32 sum = new CRC32();
        sum.update(chunk.array());
        ByteBuffer file = ByteBuffer.allocate(png.size() + 38);
        file.put(png.toByteArray(), 0, 33).putInt(26).put(chunk.array()).putInt((int) sum.getValue());
        return file.put(png.toByteArray(), 33, png.size() - 33).array();
    }

    @Test
    void takes_the_transparent_part_of_the_image_itself_as_the_mask() throws IOException {
        BufferedImage holed = new BufferedImage(16, 16, BufferedImage.TYPE_INT_ARGB);
        Pixels input = read(image);
        for (int y = 0; y < 16; y++) {
            for (int x = 0; x < 16; x++) {
                int at = 3 * (y * 16 + x);
                int rgb = (input.rgb()[at] & 255) << 16 | (input.rgb()[at + 1] & 255) << 8 | input.rgb()[at + 2] & 255;
                holed.setRGB(x, y, x < 4 ? 0 : 0xff000000 | rgb);
            }
        }
        Path file = fresh.resolve("holed.png");
        ImageIO.write(holed, "png", file.toFile());
        done(Command.run("edit", unconditional, "--image", file, "--mask", file, "--out", out(), "--count", 1));
        assertThat(changed(input, results().get(0))).isNotEmpty().allMatch(at -> at % 16 < 4);
    }

    @Test
    void extends_an_image_by_what_lies_beyond_its_edges() throws IOException {
        Pixels small = noise(8, 12);
        Path file = fresh.resolve("small.png");
        Pictures.writePng(file, small);
        JsonNode json = done(Command.run(
                        "edit",
                        model,
                        "--image",
                        file,
                        "--extend",
                        "left=8,bottom=4",
                        "--out",
                        out(),
                        "--count",
                        2,
                        "--json"))
                .json();
        assertThat(json.get("size").asText()).isEqualTo("16x16");
        assertThat(json.get("resized_from").isNull()).isTrue();
        assertThat(json.get("places_drawn").asInt()).isEqualTo(16 - 2 * 3);
        for (Pixels result : results()) {
            for (int y = 0; y < 12; y++) {
                assertThat(Arrays.copyOfRange(result.rgb(), 3 * (16 * y + 8), 3 * (16 * y + 16)))
                        .isEqualTo(Arrays.copyOfRange(small.rgb(), 3 * 8 * y, 3 * 8 * (y + 1)));
            }
        }
        Path both = fresh.resolve("both");
        json = done(Command.run(
                        "edit",
                        model,
                        "--image",
                        file,
                        "--extend",
                        "left=8,bottom=4",
                        "--mask",
                        "7,0,1,1",
                        "--out",
                        both,
                        "--json"))
                .json();
        assertThat(json.get("places_drawn").asInt()).isEqualTo(16 - 2 * 3 + 1);
    }

    @Test
    void edits_a_larger_image_at_its_own_size() throws IOException {
        Pixels large = noise(24, 20);
        Path file = fresh.resolve("large.png");
        Pictures.writePng(file, large);
        JsonNode json = done(Command.run(
                        "edit", model, "--image", file, "--mask", "9,1,10,6", "--out", out(), "--count", 2, "--json"))
                .json();
        assertThat(json.get("size").asText()).isEqualTo("20x24");
        assertThat(json.get("tokens").asText()).isEqualTo("5x6");
        assertThat(json.get("resized_from").isNull()).isTrue();
        assertThat(json.get("places_drawn").asInt()).isEqualTo(3 * 2);
        for (Pixels result : results()) {
            assertThat(changed(large, result)).isNotEmpty().allMatch(at -> {
                int x = at % 24;
                int y = at / 24;
                return x >= 9 && x < 19 && y >= 1 && y < 7;
            });
        }
        Path wider = fresh.resolve("wider");
        json = done(Command.run(
                        "edit",
                        model,
                        "--image",
                        file,
                        "--extend",
                        "right=8,top=4",
                        "--out",
                        wider,
                        "--format",
                        "npz",
                        "--json"))
                .json();
        assertThat(json.get("size").asText()).isEqualTo("24x32");
        assertThat(json.get("places_drawn").asInt()).isEqualTo(6 * 8 - 5 * 6);
    }

    @Test
    void brings_an_image_that_does_not_tile_to_the_size_of_the_model_and_says_so() throws IOException {
        Path file = fresh.resolve("wide.png");
        Pictures.writePng(file, noise(64, 32));
        Command edited = done(Command.run(
                "edit", model, "--image", file, "--mask", "32,0,8,8", "--resize", "--out", out(), "--json"));
        assertThat(edited.err()).contains("resized and cropped from 32x64");
        assertThat(edited.json().get("size").asText()).isEqualTo("16x16");
        assertThat(edited.json().get("resized_from").asText()).isEqualTo("32x64");
        assertThat(edited.json().get("places_drawn").asInt()).isEqualTo(1); // 8..11 and 0..3 of 16 x 16
        Path odd = fresh.resolve("odd.png");
        Pictures.writePng(odd, noise(33, 21));
        Path out = fresh.resolve("second");
        Command second =
                done(Command.run("edit", model, "--image", odd, "--mask", "0,0,33,21", "--out", out, "--count", 1));
        assertThat(second.err().strip()).hasLineCount(1).contains("resized and cropped from 21x33");
        assertThat(read(out.resolve("00000.png")).width()).isEqualTo(16);
    }

    @Test
    void refuses_a_mask_that_does_not_fit_with_one_message() throws IOException {
        refused(edit("--mask", mask(8, 16, 0, 0, 4, 4)), "mask.png", "16 x 16", "got 8 x 16", "scale it");
        refused(edit("--mask", mask(16, 16, 0, 0, 0, 0)), "mask.png", "nothing to draw", "transparent");
        refused(edit("--mask", image), "3.png", "black and white", "white on black");
        refused(edit("--mask", "10,0,8,8"), "10,0,8,8", "inside the image, which is 0,0,16,16");
        refused(edit("--mask", "-1,0,8,8"), "-1,0,8,8", "inside the image");
        refused(edit("--mask", "1,1,0,4"), "1,1,0,4", "with pixels");
        refused(edit("--mask", "nowhere.png"), "nowhere.png", "neither a file nor a rectangle");
        refused(edit("--mask", folder), "is no file");
        Path wide = fresh.resolve("wide.png");
        Pictures.writePng(wide, noise(60, 20));
        refused(
                Command.run("edit", model, "--image", wide, "--mask", "0,0,5,5", "--resize", "--out", out()),
                "0,0,5,5 lies in what is cut off",
                "60 x 20");
        assertThat(names(fresh)).containsExactlyInAnyOrder("mask.png", "wide.png");
    }

    @Test
    void refuses_what_else_cannot_be_done_with_one_message() throws IOException {
        Object[] all = {"--mask", "0,0,16,16"};
        refused(edit(), "give --mask, --extend or both");
        refused(edit("--extend", "left=0"), "nothing to draw");
        refused(edit("--extend", "left=6"), "left must be a multiple of the 4 pixels of a token, got 6", "4 or 8");
        refused(edit("--extend", "letf=8"), "letf", "did you mean left?");
        refused(edit("--extend", "left=8000,top=8000"), "2004 x 2004 tokens", "--resize");
        refused(edit(and(all, "--label", "Red Strip")), "did you mean Red Stripe?");
        refused(
                edit(and(all, "--label", "blue", "--guidance", 1, "--negative", "Red Strip")),
                "did you mean Red Stripe?");
        refused(edit(and(all, "--negative", "blue")), "--negative", "give --guidance W above 0");
        refused(edit(and(all, "--guidance-interval", "0,1")), "--guidance-interval", "give --guidance W above 0");
        refused(edit(and(all, "--guidance", 1, "--guidance-interval", "a")), "--guidance-interval", "FROM,TO", "got a");
        refused(edit(and(all, "--guidance", 1, "--guidance-interval", "0.5,0.2")), "0.5 and 0.2");
        refused(edit(and(all, "--typical", 0)), "typical must be in (0, 1], got 0");
        refused(edit(and(all, "--last-temperature", 0)), "last temperature must be above 0");
        refused(edit(and(all, "--temperatures", "1,0,1")), "temperatures must be above 0, got 0");
        refused(edit(and(all, "--temperatures", "1,0.5", "--temperature", 1)), "give one or the other");
        refused(edit(and(all, "--feather", -1)), "feather must be at least 0, got -1");
        refused(edit(and(all, "--count", 0)), "count must be at least 1, got 0");
        refused(edit(and(all, "--format", "tokens")), "png or npz");
        refused(edit(and(all, "--grid", image)), "would be overwritten");
        refused(
                Command.run("edit", model, "--image", fresh.resolve("none.png"), "--mask", "0,0,1,1", "--out", out()),
                "none.png does not exist");
        refused(
                Command.run(
                        "edit",
                        unconditional,
                        "--image",
                        image,
                        "--mask",
                        "0,0,1,1",
                        "--out",
                        out(),
                        "--label",
                        "blue"),
                "without classes");
        assertThat(names(fresh)).isEmpty();
        Files.createDirectories(out());
        Files.writeString(out().resolve("mine.txt"), "mine");
        refused(edit(all), "not empty");
    }

    @Test
    void counts_each_image_once() {
        try (Model open = Model.open(model.toString(), "cpu")) {
            EditImage job = new EditImage(
                    EditImage.Source.of(image, "0,0,8,8"),
                    EditImage.Request.of(5, "blue", 1),
                    GenerateImages.Output.png(out()),
                    2);
            List<Long> counts = new ArrayList<>();
            Set<String> phases = new LinkedHashSet<>();
            job.run(open, phase -> {
                phases.add(phase.name());
                if (phase.counted()) {
                    assertThat(phase.total()).isEqualTo(5);
                    counts.add(phase.done());
                }
            });
            assertThat(phases).containsExactly("encoding", "drawing and decoding", "writing");
            assertThat(counts).isSorted().startsWith(0L).endsWith(5L);
        }
    }

    @Test
    void stops_in_the_middle_of_a_pass_through_a_network() throws IOException {
        try (Model open = Model.open(model.toString(), "cpu")) {
            EditImage job = new EditImage(
                    EditImage.Source.of(image, "0,0,8,8"),
                    EditImage.Request.of(5, "blue", 1),
                    GenerateImages.Output.png(out()),
                    5);
            boolean[] drawing = {false};
            int[] layers = {0};
            Observer observer = phase -> drawing[0] |= phase.counted();
            Runnable stop = () -> {
                layers[0] += drawing[0] ? 1 : 0;
                if (layers[0] == 3) {
                    throw new StoppedException("nothing was written");
                }
            };
            assertThatThrownBy(() -> Stopping.run(stop, () -> job.run(open, observer)))
                    .isInstanceOf(StoppedException.class);
            assertThat(names(fresh)).isEmpty();
        }
    }

    @Test
    void leaves_nothing_behind_when_it_is_stopped_between_steps() throws IOException {
        try (Model open = Model.open(model.toString(), "cpu")) {
            for (GenerateImages.Format format :
                    new GenerateImages.Format[] {GenerateImages.Format.PNG, GenerateImages.Format.NPZ}) {
                EditImage job = new EditImage(
                        EditImage.Source.of(image, "0,0,8,8"),
                        EditImage.Request.of(4, "blue", 1),
                        new GenerateImages.Output(out(), format, fresh.resolve("grid.png")),
                        2);
                assertThatThrownBy(() -> job.run(open, phase -> {
                            if (phase.done() == 3) {
                                throw new StoppedException("nothing was written");
                            }
                        }))
                        .isInstanceOf(StoppedException.class);
                assertThat(names(fresh)).isEmpty();
            }
        }
    }

    @Test
    void takes_all_options_of_generate() {
        done(edit(
                "--mask",
                "0,0,8,8",
                "--label",
                "blue",
                "--steps",
                5,
                "--temperature",
                1.2,
                "--last-temperature",
                0.5,
                "--top-k",
                9,
                "--top-p",
                0.9,
                "--typical",
                0.8,
                "--guidance",
                2,
                "--guidance-schedule",
                "linear",
                "--guidance-interval",
                "0.2,.9",
                "--negative",
                "Red Stripe",
                "--count",
                1));
        done(Command.run(
                "generate",
                model,
                "--out",
                fresh.resolve("drawn"),
                "--count",
                2,
                "--temperatures",
                "1,0.5,0.7",
                "--typical",
                0.5,
                "--guidance",
                1,
                "--guidance-interval",
                "0,0.5",
                "--negative",
                "blue"));
    }

    private Path out() {
        return fresh.resolve("out");
    }

    private Command edit(Object... more) {
        return Command.run(and(new Object[] {"edit", model, "--image", image, "--out", out()}, more));
    }

    private static Object[] and(Object[] first, Object... more) {
        return Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray();
    }

    private static Command done(Command command) {
        assertThat(command.code()).as(command.err()).isZero();
        return command;
    }

    /** Exit code 2, nothing on standard output, and one line on standard error that says all these. */
    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }

    /** White on black. */
    private Path mask(int width, int height, int left, int top, int across, int down) {
        byte[] rgb = new byte[3 * width * height];
        for (int y = top; y < top + down; y++) {
            Arrays.fill(rgb, 3 * (y * width + left), 3 * (y * width + left + across), (byte) 255);
        }
        Path file = fresh.resolve("mask.png");
        Pictures.writePng(file, new Pixels(width, height, rgb));
        return file;
    }

    private static Pixels noise(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        new SplittableRandom(6).nextBytes(rgb);
        return new Pixels(width, height, rgb);
    }

    private List<Pixels> results() throws IOException {
        List<Pixels> results = new ArrayList<>();
        for (String name : names(out())) {
            results.add(read(out().resolve(name)));
        }
        return results;
    }

    private static Pixels read(Path file) throws IOException {
        return Pixels.decode(Files.readAllBytes(file), file.toString());
    }

    /** The pixels that differ. */
    private static List<Integer> changed(Pixels before, Pixels after) {
        List<Integer> changed = new ArrayList<>();
        for (int i = 0; i < before.rgb().length; i++) {
            if (before.rgb()[i] != after.rgb()[i]) {
                changed.add(i / 3);
            }
        }
        return changed;
    }

    private static int distance(Pixels a, Pixels b) {
        int most = 0;
        for (int i = 0; i < a.rgb().length; i++) {
            most = Math.max(most, Math.abs((a.rgb()[i] & 255) - (b.rgb()[i] & 255)));
        }
        return most;
    }

    private static Pixels part(Pixels picture, int left, int top) {
        byte[] rgb = new byte[3 * 16 * 16];
        for (int y = 0; y < 16; y++) {
            System.arraycopy(picture.rgb(), 3 * ((top + y) * picture.width() + left), rgb, 3 * 16 * y, 3 * 16);
        }
        return new Pixels(16, 16, rgb);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }
}
