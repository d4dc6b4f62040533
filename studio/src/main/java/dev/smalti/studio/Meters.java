package dev.smalti.studio;

import dev.smalti.network.Work;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;

/** What the server counts, for Prometheus. */
final class Meters implements AutoCloseable {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Counter aborted;
    private final Counter tooSlow;

    Meters() {
        new JvmMemoryMetrics().bindTo(registry);
        Gauge.builder("smalti.process.bytes", Pointer::physicalBytes)
                .description("physical memory of this process, that of tensors with it")
                .register(registry);
        FunctionCounter.builder("smalti.passes", this, each -> Work.passes())
                .description("grids that went through a network")
                .register(registry);
        aborted = Counter.builder("smalti.requests.aborted")
                .description("requests whose clients went away before they had their answers")
                .register(registry);
        tooSlow = Counter.builder("smalti.connections.slow")
                .description("connections closed, since a request did not arrive or an answer was not taken in time")
                .register(registry);
    }

    void connections(Supplier<Number> count) {
        Gauge.builder("smalti.connections", count)
                .description("connections that are open")
                .register(registry);
    }

    void aborted() {
        aborted.increment();
    }

    void tooSlow() {
        tooSlow.increment();
    }

    /** In the text format of Prometheus. */
    String text() {
        return registry.scrape();
    }

    /** A request was answered. @param route such as {@code /v1/images/generations}, one of a few */
    void answered(String route, int status, double seconds) {
        Timer.builder("smalti.requests")
                .description("requests answered")
                .tag("route", route)
                .tag("status", Integer.toString(status))
                .register(registry)
                .record((long) (seconds * 1e9), TimeUnit.NANOSECONDS);
    }

    OfModel of(String model) {
        return new OfModel(model);
    }

    /** Those of one model. */
    final class OfModel {
        private final String model;
        private final DistributionSummary batch;
        private final Timer draws;
        private final Counter images;
        private final Counter refused;

        private OfModel(String model) {
            this.model = model;
            batch = DistributionSummary.builder("smalti.draw.images")
                    .description("images drawn at once")
                    .tag("model", model)
                    .register(registry);
            draws = Timer.builder("smalti.draw")
                    .description("draws, with decoding")
                    .tag("model", model)
                    .register(registry);
            images = Counter.builder("smalti.images")
                    .description("images drawn")
                    .tag("model", model)
                    .register(registry);
            refused = Counter.builder("smalti.queue.refused")
                    .description("wishes for which there was no room")
                    .tag("model", model)
                    .register(registry);
        }

        void waiting(Supplier<Number> size) {
            Gauge.builder("smalti.queue.images", size)
                    .description("images that wait")
                    .tag("model", model)
                    .register(registry);
        }

        void drawing(Supplier<Number> count) {
            Gauge.builder("smalti.draws.active", count)
                    .description("draws under way")
                    .tag("model", model)
                    .register(registry);
        }

        void drawnAtOnce(int count) {
            batch.record(count);
        }

        void drawn(int count, double seconds) {
            images.increment(count);
            draws.record((long) (seconds * 1e9), TimeUnit.NANOSECONDS);
        }

        void refused() {
            refused.increment();
        }
    }

    @Override
    public void close() {
        registry.close();
    }
}
