package dev.smalti.studio;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** What the server counts, for Prometheus. */
final class Meters implements AutoCloseable {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    Meters() {
        new JvmMemoryMetrics().bindTo(registry);
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
        private final Counter passes;
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
            passes = Counter.builder("smalti.passes")
                    .description("grids that went through the network")
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

        void drawnAtOnce(int count) {
            batch.record(count);
        }

        void drawn(int count, double seconds) {
            images.increment(count);
            draws.record((long) (seconds * 1e9), TimeUnit.NANOSECONDS);
        }

        void passes(long count) {
            passes.increment(count);
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
