package dev.smalti.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.smalti.app.Jobs;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.job.EvaluatePart;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two executors, processes of their own, one of which dies at the second part while it writes it. */
@Tag("learning")
class LostExecutorTest {
    private static final int DIED = 9;

    private static SparkSession spark;

    @TempDir
    private static Path sets;

    private static Path images;

    @TempDir
    private Path folder;

    @BeforeAll
    static void starts_two_workers() throws IOException {
        Files.createDirectories(Path.of(System.getenv("SPARK_HOME"), "jars"));
        images = Sets.images(sets.resolve("images"), 90, 1);
        spark = SparkSession.builder()
                .master("local-cluster[2,1,1024]")
                .config("spark.executor.memory", "1g")
                .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
                .config(
                        "spark.executor.extraJavaOptions",
                        "-Djava.awt.headless=true -XX:+UseSerialGC -XX:TieredStopAtLevel=1")
                .config("spark.executorEnv.SPARK_SCALA_VERSION", "2.13")
                .getOrCreate();
    }

    @AfterAll
    static void stops() {
        spark.stop();
    }

    @Test
    void tokens_are_those_of_the_verb() throws IOException {
        List<String> asked =
                List.of("fruits-64-small", "--data", images.toString(), "--batch", "16", "--device", "cpu");
        Path parts = Files.createDirectory(folder.resolve("parts"));
        String tokenizer =
                Jobs.encode(Sets.with(asked, "--out", "x")).open().folder().fingerprint();
        String second = new Part(2, 4).name() + "-" + tokenizer.substring(0, 8) + ".safetensors";
        String out = parts.toString();
        List<PartDone> done = SmaltiSpark.encode(spark, 4, part -> {
            diesOnce(part, out, second);
            return Jobs.encode(Sets.with(asked, "--out", out, "--part", part));
        });
        assertThat(done).extracting(PartDone::made).containsExactly(16L, 32L, 16L, 26L);
        assertThat(died(parts)).exists();
        assertThat(done.get(1).attempt()).isPositive();

        Path alone = folder.resolve("alone");
        for (int part = 1; part <= 4; part++) {
            Jobs.encode(Sets.with(asked, "--out", alone, "--part", part + "/4")).run(Observer.NONE);
        }
        Sets.assertSame(parts, alone);
    }

    @Test
    void images_are_those_of_the_verb_and_are_not_drawn_twice() throws IOException {
        List<String> asked = List.of(
                "fruits-64-small", "--count", "40", "--steps", "4", "--format", "webdataset", "--device", "cpu");
        Path parts = Files.createDirectory(folder.resolve("parts"));
        String second = new Part(2, 4).name() + ".tar";
        String out = parts.toString();
        SmaltiSpark.PartJob<Jobs.Draw> job = part -> {
            diesOnce(part, out, second);
            return Jobs.generate(Sets.with(asked, "--out", out, "--part", part));
        };
        List<PartDone> done = SmaltiSpark.draw(spark, 4, job);
        assertThat(done).extracting(PartDone::made).containsOnly(10L);
        assertThat(died(parts)).exists();
        assertThat(done.get(1).attempt()).isPositive();
        assertThat(SmaltiSpark.draw(spark, 4, part -> Jobs.generate(Sets.with(asked, "--out", out, "--part", part))))
                .extracting(PartDone::made)
                .containsOnly(0L);
        assertThatThrownBy(() -> SmaltiSpark.draw(
                        spark, 5, part -> Jobs.generate(Sets.with(asked, "--out", out, "--part", part))))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("holds parts of another number");

        Path alone = folder.resolve("alone");
        Jobs.Draw first = Jobs.generate(Sets.with(asked, "--out", alone, "--part", "1/4"));
        try (Model open = Model.open(first.model(), first.opening())) {
            for (int part = 1; part <= 4; part++) {
                Jobs.Draw own = Jobs.generate(Sets.with(asked, "--out", alone, "--part", part + "/4"));
                own.job().apply(open).run(open, Observer.NONE);
            }
        }
        Sets.assertSame(parts, alone);
    }

    @Test
    void added_sums_give_the_distance_of_one_process() throws IOException {
        Path others = Sets.images(folder.resolve("others"), 70, 2);
        List<String> asked = List.of(
                "--real", images.toString(), "--fake", others.toString(), "--metrics", "frechet", "--resamples", "0");
        Path parts = Files.createDirectory(folder.resolve("parts"));
        String second = new Part(2, 3).name() + ".safetensors";
        String out = parts.toString();
        EvaluationResult added = SmaltiSpark.features(spark, 3, part -> {
            diesOnce(part, out, second);
            return Jobs.evaluate(Sets.with(asked, "--out", out, "--part", part));
        });
        assertThat(died(parts)).exists();
        EvaluatePart any = Jobs.evaluate(Sets.with(asked, "--out", parts, "--part", "1/3"));
        EvaluationResult one = Evaluation.of(any.request(), Observer.NONE);
        assertThat(added.values().get("frechet").value())
                .isPositive()
                .isCloseTo(one.values().get("frechet").value(), withinPercentage(1e-4));
    }

    /** The first attempt at the second part ends with its process, when something is written beside the part's place. */
    private static void diesOnce(Part part, String folder, String file) {
        TaskContext task = TaskContext.get();
        if (part.number() != 2 || task == null || task.attemptNumber() > 0) {
            return;
        }
        try {
            WatchService watch = Path.of(folder).getFileSystem().newWatchService();
            Path.of(folder).register(watch, StandardWatchEventKinds.ENTRY_CREATE);
            Path sign = died(Path.of(folder));
            Thread death = new Thread(() -> dies(watch, AtomicFile.mark(Path.of(file)), sign), "death");
            death.setDaemon(true);
            death.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void dies(WatchService watch, String mark, Path sign) {
        try {
            while (true) {
                WatchKey key = watch.take();
                for (WatchEvent<?> each : key.pollEvents()) {
                    if (each.context().toString().startsWith(mark)) {
                        Files.createFile(sign);
                        Runtime.getRuntime().halt(DIED);
                    }
                }
                key.reset();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a process leaves that has died so. */
    private static Path died(Path folder) {
        return folder.resolveSibling("died");
    }
}
