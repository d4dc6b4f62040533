/**
 * The verbs that have parts, part by part on the executors of Apache Spark: {@link dev.smalti.spark.SmaltiSpark} for programs,
 * {@link dev.smalti.spark.Main} for {@code spark-submit}.
 *
 * <pre>
 * driver     SmaltiSpark.generate(spark, 16, part -&gt; new GenerateImages(…, part, …))      no model, no image
 *      │ numbers 1..16, and how a part's job is made
 *      ▼
 * executors  one open model a process; a task does a part, on spark.task.cpus threads
 *      │ files by the rules of {@link dev.smalti.run.PartFolder}
 *      ▼
 * a folder that all see: what is there is skipped, and together the parts are what one process makes, to the bit
 * </pre>
 *
 * <p>Of an executor that is lost, the part that it was at is made again, by another one. Only counts go back to the driver.
 */
package dev.smalti.spark;
