package dev.smalti.spark;

import dev.smalti.app.Jobs;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.job.EncodeImages;
import dev.smalti.job.EvaluatePart;
import dev.smalti.job.GenerateImages;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Native;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Stopping;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Encodes, draws, or takes the features of images, each part of the work as a task on an executor.
 *
 * <pre>{@code
 * SmaltiSpark.generate(spark, 16, part -> new GenerateImages(
 *         "fruits-64",
 *         Opening.on("cpu"),
 *         GenerateImages.Request.of(50_000, List.of(), 42),
 *         new GenerateImages.Output(Path.of("/shared/drawn"), Format.WEBDATASET, null, false, 0, part),
 *         64));
 * }</pre>
 *
 * <p>Executors share with the driver and with each other a folder, seen under one absolute path, and no more. What they leave there
 * are the files of {@code --part}, so a job may be given again after whatever ended it, and may go on with what plain processes began.
 * Each process opens a model once, and its tasks take turns at it: give an executor as many {@code spark.executor.cores} as a task has
 * {@code spark.task.cpus}, which are the threads that a task computes with.
 */
public final class SmaltiSpark {
    private SmaltiSpark() {}

    /**
     * The job of a part. It is made where it runs, since neither paths nor models travel; what its code needs must.
     *
     * @param <J> {@link EncodeImages}, {@link GenerateImages} or {@link EvaluatePart}
     */
    @FunctionalInterface
    public interface PartJob<J> extends Serializable {
        /** The job of that part, and for all parts the same job. */
        J of(Part part);
    }

    /**
     * Turns images into a folder of tokens.
     *
     * @param parts at most as many as there are batches
     * @return of each part in order
     * @throws JobException if the job isn't one of parts in a shared folder, or parts of another are there; what else a task throws, is
     *     thrown too
     * @throws IllegalStateException if Spark gives it up
     */
    public static List<PartDone> encode(SparkSession spark, int parts, PartJob<EncodeImages> job) {
        check(job.of(new Part(1, parts)));
        return run(spark, parts, part -> encoded(part, job.of(part)));
    }

    static void check(EncodeImages job) {
        requireShared("data", job.data());
        requireShared("out", job.out().path());
        requireAlike("run", job.run());
    }

    private static Count encoded(Part part, EncodeImages job) {
        requirePart(part, job.part());
        return OpenOnce.with(
                List.of("tokenizer", job.run(), job.opening()), job::open, EncodeImages.Opened::close, opened -> {
                    synchronized (opened) { // one thread alone may ask a tokenizer
                        EncodeImages.Result result = job.run(opened, Observer.NONE);
                        return new Count(result.images(), result.encoded(), result.seconds());
                    }
                });
    }

    /**
     * Draws images or tokens into a folder.
     *
     * @param parts at most as many as there are images
     * @return of each part in order
     * @throws JobException as {@link #encode} does
     */
    public static List<PartDone> generate(SparkSession spark, int parts, PartJob<GenerateImages> job) {
        return draw(spark, parts, part -> {
            GenerateImages own = job.of(part);
            return new Jobs.Draw(own.model(), own.opening(), List.of(), own.output(), open -> own);
        });
    }

    static List<PartDone> draw(SparkSession spark, int parts, PartJob<Jobs.Draw> job) {
        check(job.of(new Part(1, parts)));
        return run(spark, parts, part -> drawn(part, job.of(part)));
    }

    static void check(Jobs.Draw draw) {
        requireShared("out", draw.out().path());
        requireAlike("model", draw.model());
    }

    private static Count drawn(Part part, Jobs.Draw draw) {
        requirePart(part, draw.out().part());
        return OpenOnce.with(
                List.of("model", draw.model(), draw.opening(), draw.overrides()),
                () -> Model.open(draw.model(), draw.opening(), draw.overrides()),
                Model::close,
                open -> {
                    GenerateImages.Result result = draw.job().apply(open).run(open, Observer.NONE);
                    return new Count(result.count(), result.drawn(), result.seconds());
                });
    }

    /**
     * Takes the features of two sets of images and compares them. A request for Fréchet distances without resamples keeps sums of each
     * part, so no more than two matrices come together, whatever the number of images.
     *
     * @return what the driver measures of all parts
     * @throws JobException as {@link #encode} does
     */
    public static EvaluationResult features(SparkSession spark, int parts, PartJob<EvaluatePart> job) {
        EvaluatePart first = job.of(new Part(1, parts));
        check(first);
        run(spark, parts, part -> compared(part, job.of(part)));
        EvaluationRequest request = first.request();
        return Evaluation.of(
                new EvaluationRequest(
                        request.real(),
                        request.fake(),
                        request.metrics(),
                        request.features(),
                        request.lpips(),
                        null,
                        request.settings(),
                        first.folder()),
                Observer.NONE);
    }

    static void check(EvaluatePart job) {
        EvaluationRequest request = job.request();
        requireShared("real", request.real().path());
        if (request.fake() instanceof Fakes.Stored stored) {
            requireShared("fake", stored.path());
        }
        if (ImageFeatures.kind(request.features()) != ImageFeatures.Kind.PIXELS) {
            requireShared("features", Path.of(request.features()));
        }
        requireShared("out", job.folder());
    }

    private static Count compared(Part part, EvaluatePart job) {
        requirePart(part, job.part());
        String features = job.request().features();
        String device = job.request().settings().device();
        return OpenOnce.with(
                List.of("features", String.valueOf(features), device),
                () -> ImageFeatures.open(features, Devices.of(device)),
                ImageFeatures::close,
                open -> {
                    synchronized (open) {
                        Evaluation.Kept kept = job.run(open, Observer.NONE);
                        long images = kept.reals() + kept.fakes();
                        return new Count(images, images, kept.seconds());
                    }
                });
    }

    /** What a part's work counts. */
    private record Count(long images, long made, double seconds) {}

    private interface PartWork extends Serializable {
        Count of(Part part);
    }

    private static List<PartDone> run(SparkSession spark, int parts, PartWork work) {
        if (spark.sparkContext().conf().getBoolean("spark.speculation", false)) {
            throw new JobException("spark.speculation has two executors at one part, of which the second is refused:"
                    + " leave it out, or set it to false");
        }
        List<Integer> numbers = IntStream.rangeClosed(1, parts).boxed().toList();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        JavaRDD<double[]> tasks = context.parallelize(numbers, parts).mapPartitions(own -> {
            List<double[]> counts = new ArrayList<>();
            own.forEachRemaining(number -> counts.add(task(new Part(number, parts), work)));
            return counts.iterator();
        });
        List<double[]> done = collected(tasks);
        return IntStream.range(0, parts)
                .mapToObj(i -> done(new Part(i + 1, parts), done.get(i)))
                .toList();
    }

    /** Throws what a task threw, and not Spark's report of it. */
    private static List<double[]> collected(JavaRDD<double[]> tasks) {
        try {
            return tasks.collect();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) { // Spark's own, which Scala doesn't declare
            if (e.getCause() instanceof RuntimeException ofTask) {
                throw ofTask;
            }
            throw new IllegalStateException(
                    "Spark gave the job up, and the same job goes on with the parts that are missing; where executors are lost"
                            + " again and again, spark.executor.memoryOverhead may be too little: " + e.getMessage(),
                    e);
        }
    }

    /** As plain numbers, which every serializer knows; counts stay far below 2⁵³. */
    private static double[] task(Part part, PartWork work) {
        TaskContext task = TaskContext.get();
        Native.cores(task.cpus());
        Count count = Stopping.value(() -> stopIfKilled(task), () -> work.of(part));
        return new double[] {count.images, count.made, task.attemptNumber(), count.seconds};
    }

    private static PartDone done(Part part, double[] numbers) {
        return new PartDone(part, (long) numbers[0], (long) numbers[1], (int) numbers[2], numbers[3]);
    }

    private static void stopIfKilled(TaskContext task) {
        if (task.isInterrupted()) {
            throw new TaskKilledException("the task was asked to stop, and has");
        }
    }

    private static void requirePart(Part asked, Part given) {
        if (!asked.equals(given)) {
            throw new JobException(
                    Phrase.of("the job of a part must be of that part, and for %s it is of %s: hand the part on to it")
                            .with(asked, given == null ? "all" : given));
        }
    }

    private static void requireShared(String name, Path path) {
        if (!path.isAbsolute()) {
            throw new JobException(Phrase.of(
                            "%s must be absolute and seen by all executors, each of which runs in a folder of its own, got %s")
                    .with(name, path));
        }
    }

    /** A name may be that of a bundled model, but not of a folder that the driver alone sees. */
    private static void requireAlike(String name, String run) {
        if (Files.exists(Path.of(run))) {
            requireShared(name, Path.of(run));
        }
    }
}
