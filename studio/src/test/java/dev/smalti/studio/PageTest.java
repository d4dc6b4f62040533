package dev.smalti.studio;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Mouse;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.BoundingBox;
import com.microsoft.playwright.options.FilePayload;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a browser, clicked through. */
@Tag("learning") // a browser takes most of a minute
class PageTest {
    private static final String DATA = "data:image/png;base64,";

    @TempDir
    static Path runs;

    private static ImageServer server;
    private static Playwright playwright;
    private static Browser browser;
    private Page page;
    private final List<String> complaints = new ArrayList<>();

    @BeforeAll
    static void start() {
        Path program = Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
        assumeTrue(
                program != null, "the page was not clicked through: there is no Chromium (apt-get install chromium)");
        server = ImageServer.start(Serving.of(List.of("fruits-64-small"), 0).withPage(null, runs));
        playwright = Playwright.create(
                new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        browser = playwright.chromium().launch(new BrowserType.LaunchOptions().setExecutablePath(program));
        PlaywrightAssertions.setDefaultAssertionTimeout(60_000);
    }

    @AfterAll
    static void stop() {
        if (playwright != null) {
            playwright.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void open() {
        page = browser.newPage(new Browser.NewPageOptions().setViewportSize(1280, 800));
        page.setDefaultTimeout(60_000);
        page.onConsoleMessage(message -> {
            if (message.type().equals("error") || message.type().equals("warning")) {
                complaints.add(message.text());
            }
        });
        page.onPageError(complaints::add);
        page.navigate(server.address());
        page.waitForSelector("body[data-ready]");
    }

    @AfterEach
    void close() {
        page.close();
        assertThat(complaints).as("what the browser complains of").isEmpty();
    }

    private void draw(int count) {
        page.selectOption("#class", "cherry-1");
        page.fill("#count", Integer.toString(count));
        page.fill("#seed", "7");
        page.locator("#steps").fill("4");
        page.click("#draw");
        assertThat(page.locator("#draw")).hasText("Draw");
        assertThat(page.locator("#variations img")).hasCount(count);
        assertThat(page.locator("#actions")).isVisible();
    }

    private static Pixels image(Locator image) {
        String source = image.getAttribute("src");
        assertThat(source).startsWith(DATA);
        return Pixels.decode(Base64.getDecoder().decode(source.substring(DATA.length())), "image");
    }

    /** What a canvas shows, as text that differs where that does. */
    private String shown(String canvas) {
        return (String) page.evaluate("id => document.getElementById(id).toDataURL()", canvas);
    }

    @Test
    void draws_and_goes_back_through_the_steps() {
        draw(2);
        assertThat(page.locator("#facts")).containsText("64 of 64 tokens");
        assertThat(page.locator("#draw-command code"))
                .hasText("smalti generate fruits-64-small --out drawn --count 2 --label cherry-1 --seed 7 --steps 4");
        List<Pixels> drawn = List.of(
                image(page.locator("#variations img").nth(0)),
                image(page.locator("#variations img").nth(1)));
        assertThat(drawn)
                .isEqualTo(new Client(server.address())
                        .post(
                                "/v1/images/generations",
                                "{\"prompt\": \"cherry-1\", \"n\": 2, \"seed\": 7, \"num_inference_steps\": 4}")
                        .images());
        String whole = shown("large");
        page.locator("#step").fill("2");
        assertThat(page.locator("#step-out")).hasText("step 2 of 4");
        assertThat(page.locator("#facts")).not().containsText("64 of 64 tokens");
        String half = shown("large");
        assertThat(half).isNotEqualTo(whole);
        page.check("#heat");
        assertThat(shown("large")).isNotEqualTo(half);
        assertThat(page.locator("#legend")).containsText("0 to 10 bits");
        page.click("#show-tokens");
        page.locator("#large").hover();
        assertThat(page.locator("#legend-text")).hasText(Pattern.compile("Row [34], column [34]: .*"));
        page.locator("#step").fill("4");
        page.uncheck("#heat");
        page.click("#show-picture");
        assertThat(shown("large")).isEqualTo(whole);
    }

    @Test
    void keeps_two_and_compares_them() {
        draw(2);
        page.click("#keep");
        page.locator("#variations .thumb").nth(0).focus();
        page.keyboard().press("ArrowRight");
        assertThat(page.locator("#variations .thumb").nth(1)).hasAttribute("aria-selected", "true");
        page.click("#keep");
        page.locator("#shelf input").nth(0).check();
        assertThat(page.locator("#compare")).isDisabled();
        page.locator("#shelf input").nth(1).check();
        page.click("#compare");
        assertThat(page.locator("#large-dialog img")).hasCount(2);
        page.keyboard().press("Escape");
        assertThat(page.locator("#large-dialog")).isHidden();
    }

    @Test
    void stops_a_draw() {
        page.fill("#width", "128");
        page.locator("#steps").fill("64");
        page.click("#draw");
        page.click("#cancel");
        assertThat(page.locator("#news")).hasText("Stopped.");
        page.fill("#width", "64");
        draw(1);
    }

    @Test
    void draws_under_the_brush_anew_and_over_an_edge() {
        draw(1);
        Pixels before = image(page.locator("#variations img"));
        page.click("#to-edit");
        page.fill("#edit-count", "2");
        page.locator("#feather").fill("0");
        BoundingBox box = page.locator("#edit-canvas").boundingBox();
        page.mouse().move(box.x + box.width * 0.7, box.y + box.height * 0.3);
        page.mouse().down();
        page.mouse().move(box.x + box.width * 0.8, box.y + box.height * 0.5);
        page.mouse().up();
        page.click("#edit");
        assertThat(page.locator("#edit-command code")).containsText("--mask mask.png");
        assertThat(page.locator("#edit-results img")).hasCount(3);
        Pixels result = image(page.locator("#edit-results img").nth(1));
        assertThat(part(result, 0, 24)).as("left of the stroke").isEqualTo(part(before, 0, 24));
        assertThat(result).isNotEqualTo(before);

        page.click("#edit-take");
        assertThat(page.locator("#edit-results img")).hasCount(0);
        page.fill("#extend-right", "32");
        assertThat(page.locator("#edit-facts")).containsText("becomes 96 × 64");
        page.fill("#edit-count", "1");
        page.click("#edit");
        assertThat(page.locator("#edit-command code")).containsText("--extend right=32");
        Pixels wide = image(page.locator("#edit-results img").nth(1));
        assertThat(wide.width()).isEqualTo(96);
        assertThat(part(wide, 0, 64)).isEqualTo(part(result, 0, 64));
    }

    /** The columns of a picture. */
    private static List<ByteBuffer> part(Pixels image, int from, int to) {
        List<ByteBuffer> rows = new ArrayList<>();
        for (int y = 0; y < image.height(); y++) {
            int row = y * image.width();
            rows.add(ByteBuffer.wrap(image.rgb(), 3 * (row + from), 3 * (to - from)));
        }
        return rows;
    }

    @Test
    void paints_by_the_keyboard_in_an_image_that_is_opened() {
        page.click("#tab-edit");
        page.setInputFiles("#edit-file", new FilePayload("grey.png", "image/png", Pictures.png(StudioTest.plain(90))));
        assertThat(page.locator("#edit-facts")).containsText("64 × 64 · 0% drawn anew");
        page.locator("#edit-canvas").focus();
        page.keyboard().press("ArrowLeft");
        page.keyboard().press(" ");
        assertThat(page.locator("#edit-facts")).hasText(Pattern.compile("64 × 64 · [1-9]% drawn anew"));
        page.keyboard().press("Shift+ ");
        assertThat(page.locator("#edit-facts")).containsText("0% drawn anew");
        page.click("#edit");
        assertThat(page.locator("#news")).containsText("nothing to draw");
    }

    private void openGrey() {
        page.click("#tab-edit");
        page.setInputFiles("#edit-file", new FilePayload("grey.png", "image/png", Pictures.png(StudioTest.plain(90))));
        assertThat(page.locator("#edit-facts")).containsText("64 × 64 · 0% drawn anew");
    }

    @Test
    void makes_a_box_by_the_keyboard_and_erases_by_the_tool_that_is_held() {
        openGrey();
        page.click("#tool-rectangle");
        assertThat(page.locator("#edit-keys")).containsText("corner of the box");
        page.locator("#edit-canvas").focus();
        page.keyboard().press(" "); // at 32, 32
        page.keyboard().press("ArrowRight"); // by a token of 8 pixels
        page.keyboard().press("Shift+ArrowRight");
        page.keyboard().press("Escape");
        page.keyboard().press(" ");
        assertThat(page.locator("#edit-facts")).containsText("0% drawn anew");
        page.keyboard().press("ArrowLeft");
        page.keyboard().press("ArrowLeft");
        page.keyboard().press("Shift+ArrowRight"); // 41 to 26
        page.keyboard().press("ArrowDown"); // 32 to 40
        page.keyboard().press(" ");
        assertThat(page.locator("#spoken")).hasText("A box of 16 × 9 pixels");
        assertThat(page.locator("#edit-facts")).containsText("4% drawn anew");
        page.fill("#edit-count", "1");
        page.click("#edit");
        assertThat(page.locator("#edit-command code")).containsText("--mask 26,32,16,9");
        assertThat(page.locator("#edit-results img")).hasCount(2);
        page.locator("#edit-canvas").focus();
        page.keyboard().press("Escape"); // back from the result
        page.click("#tool-eraser");
        page.locator("#brush").fill("32");
        page.locator("#edit-canvas").focus();
        page.keyboard().press(" ");
        assertThat(page.locator("#edit-facts")).hasText(Pattern.compile("64 × 64 · [0-2]% drawn anew"));
    }

    @Test
    void paints_a_picture_of_many_pixels_at_the_size_of_the_screen() {
        page.click("#tab-edit");
        page.evaluate("""
                async () => {
                  const made = document.createElement("canvas");
                  Object.assign(made, { width: 3000, height: 2000 }).getContext("2d").fillRect(0, 0, 3000, 2000);
                  const files = new DataTransfer();
                  files.items.add(new File([await new Promise((done) => made.toBlob(done))], "large.png", { type: "image/png" }));
                  const input = document.getElementById("edit-file");
                  input.files = files.files;
                  input.dispatchEvent(new Event("change"));
                }""");
        assertThat(page.locator("#edit-facts")).containsText("3000 × 2000 · 0% drawn anew");
        page.locator("#brush").fill("1000");
        String before = shown("edit-canvas");
        BoundingBox box = page.locator("#edit-canvas").boundingBox();
        page.mouse().move(box.x + box.width * 0.2, box.y + box.height * 0.5);
        page.mouse().down();
        page.mouse().move(box.x + box.width * 0.8, box.y + box.height * 0.5, new Mouse.MoveOptions().setSteps(30));
        page.mouse().up();
        assertThat(page.locator("#edit-facts")).hasText(Pattern.compile("3000 × 2000 · 4[1-5]% drawn anew"));
        assertThat(shown("edit-canvas")).isNotEqualTo(before);
        Number tainted = (Number) page.evaluate("""
                () => {
                  const canvas = document.getElementById("edit-canvas");
                  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                  let count = 0;
                  for (let i = 0; i < data.length; i += 4) {
                    count += data[i + 1] > 100 ? 1 : 0;
                  }
                  return (100 * 4 * count) / data.length;
                }""");
        assertThat(tainted.doubleValue())
                .as("percent of the canvas that is veiled")
                .isBetween(40.0, 46.0);
        page.keyboard().press("Escape");
    }

    @Test
    void shows_the_command_of_a_corrected_draw_and_makes_the_images_of_it() {
        page.click("#more summary");
        page.selectOption("#corrector", "gibbs");
        page.fill("#places", "4");
        page.locator("#trapezoidal").fill("0.5");
        draw(1);
        assertThat(page.locator("#draw-command code"))
                .hasText(
                        "smalti generate fruits-64-small --out drawn --count 1 --label cherry-1 --seed 7 --steps 4 --trapezoidal 0.5"
                                + " --corrector gibbs --corrector-sweeps 1 --corrector-places 4 --corrector-when end");
        String wish = "{\"prompt\": \"cherry-1\", \"seed\": 7, \"num_inference_steps\": 4, \"trapezoidal\": 0.5,"
                + " \"corrector\": \"gibbs\", \"corrector_places\": 4}";
        assertThat(List.of(image(page.locator("#variations img"))))
                .isEqualTo(new Client(server.address())
                        .post("/v1/images/generations", wish)
                        .images());
        page.selectOption("#corrector", "none");
        page.locator("#extrapolate").fill("0.5");
        assertThat(page.locator("#trapezoidal-out")).hasText("none");
        page.locator("#bound").fill("8");
        assertThat(page.locator("#steps")).isDisabled();
        page.click("#draw");
        assertThat(page.locator("#draw-command code"))
                .hasText(
                        "smalti generate fruits-64-small --out drawn --count 1 --label cherry-1 --seed 7 --entropy-bound 8"
                                + " --extrapolate 0.5");
    }

    @Test
    void says_that_a_token_was_refused() {
        Serving plain = Serving.of(List.of("fruits-64-small"), 0);
        Serving guarded = new Serving(
                plain.models(),
                plain.host(),
                0,
                "a-token-of-a-test",
                plain.opening(),
                1,
                16,
                4,
                4,
                plain.deadline(),
                null,
                null,
                true);
        try (ImageServer own = ImageServer.start(guarded)) {
            page.navigate(own.address());
            assertThat(page.locator("#token-dialog")).isVisible();
            assertThat(page.locator("#token-refused")).isHidden();
            page.fill("#token", "another-that-is-wrong");
            page.keyboard().press("Enter");
            assertThat(page.locator("#token-refused")).containsText("refused");
            page.fill("#token", "a-token-of-a-test");
            page.keyboard().press("Enter");
            page.waitForSelector("body[data-ready]");
            assertThat(page.locator("#token-dialog")).isHidden();
            page.navigate("about:blank");
        }
        complaints.removeIf(each -> each.contains("401")); // which the browser logs
    }

    @Test
    void shows_the_tokens_of_an_image_and_which_are_equal() {
        page.click("#tab-tokens");
        page.setInputFiles(
                "#tokens-file", new FilePayload("grey.png", "image/png", Pictures.png(StudioTest.plain(250))));
        assertThat(page.locator("#tokens-facts")).containsText("8 × 8 tokens");
        page.locator("#tokens-grid").hover();
        assertThat(page.locator("#tokens-caption")).hasText(Pattern.compile("Token \\d+, row [34], column [34]: .*"));
    }

    @Test
    void shows_a_run_as_it_grows() throws IOException {
        Path run = StudioTest.run(runs, "autumn");
        page.click("#tab-runs");
        assertThat(page.locator("#run h3")).hasText("autumn");
        assertThat(page.locator("#run .figures")).containsText("20 / 100");
        assertThat(page.locator("#run .figures")).containsText("80 s");
        assertThat(page.locator("#run .figures")).containsText("31.5");
        assertThat(page.locator("#run .chart").nth(0)).containsText("autoencoder · loss");
        assertThat(page.locator("#run .preview img")).isVisible();
        page.locator("#run-list button").first().focus();
        page.evaluate("""
                () => {
                  const selected = document.querySelector("#run .chart output").firstChild;
                  getSelection().selectAllChildren(selected.parentNode);
                  window.kept = [...document.querySelectorAll("#run h3, #run polyline, #run img, #run-list button")];
                }""");
        Pictures.writePng(run.resolve("preview-30.png"), StudioTest.plain(20));
        Files.writeString(run.resolve("metrics.jsonl"), StudioTest.line(30, 0.5), StandardOpenOption.APPEND);
        assertThat(page.locator("#run .figures")).containsText("30 / 100");
        assertThat(page.locator("#run .preview h2")).hasText("Preview, step 30");
        assertThat((Boolean) page.evaluate("window.kept.every((each) => each.isConnected)"))
                .as("what was there is still there")
                .isTrue();
        assertThat((String) page.evaluate("getSelection().toString()")).isEqualTo("0.5");
        assertThat(page.locator("#run-list button").first()).isFocused();
    }

    @Test
    void fits_a_phone_and_is_gone_through_by_keys() {
        page.setViewportSize(390, 844);
        page.locator("#tab-draw").focus();
        for (String tab : List.of("edit", "tokens", "runs", "draw")) {
            page.keyboard().press("ArrowRight");
            assertThat(page.locator("#tab-" + tab)).hasAttribute("aria-selected", "true");
            assertThat(page.locator("#view-" + tab)).isVisible();
            assertThat((Integer) page.evaluate("document.documentElement.scrollWidth"))
                    .as("width of %s", tab)
                    .isLessThanOrEqualTo(390);
        }
        page.click("#theme");
        assertThat(page.locator("html")).hasAttribute("data-theme", Pattern.compile("light|dark"));
    }
}
