package dev.smalti.train;

import dev.smalti.distributed.Group;
import dev.smalti.network.Loss;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The numbers of steps that lie on the device until they are read, those of all steps at once: the only time in which the
 * loop waits for it.
 */
final class Readings implements AutoCloseable {
    private final List<Taken> unread = new ArrayList<>();
    private Tensor flaw; // 1 if one of them has something that isn't finite and must be, else 0; float32 [1]

    /**
     * A number of a step, or the sums of {@link Loss.ByTime}.
     *
     * @param checked what must be finite; null if it needn't be
     * @param value float64 [1], or [20]
     * @param parts of which it is one: their mean is wanted
     */
    record Reading(String name, String checked, Tensor value, int parts) {}

    /** Where a number of a step is among all of it. */
    private record Place(String name, String checked, int count, int parts) {}

    /** @param values of all places, float64 */
    private record Taken(long step, List<Place> places, Tensor values) {}

    /** What a step measured. */
    record Measured(long step, Map<String, Double> measures) {}

    /** Of all processes: the mean of each number, and the sums of those by time. */
    static List<Reading> together(List<Reading> own, Group group) {
        if (group.size() == 1) {
            return own;
        }
        Tensor all = Tensors.cat(own.stream().map(Reading::value).toList());
        group.sum(List.of(all));
        List<Reading> together = new ArrayList<>();
        long at = 0;
        for (Reading each : own) {
            long count = each.value().numel();
            Tensor sum = all.narrow(0, at, count);
            Tensor value = count > 1 ? sum : sum.div(new Scalar((double) group.size()));
            together.add(new Reading(each.name(), each.checked(), value, each.parts()));
            at += count;
        }
        return together;
    }

    /** Those of a step behind those before it; nothing is read. */
    void add(long step, List<Reading> readings) {
        List<Place> places = readings.stream()
                .map(each -> new Place(
                        each.name(), each.checked(), (int) each.value().numel(), each.parts()))
                .toList();
        Tensor values =
                Scope.hold(Tensors.cat(readings.stream().map(Reading::value).toList()));
        unread.add(new Taken(step, places, values));
    }

    /**
     * Whether a step that was added has something that isn't finite and must be: nothing is to change from there on. Nothing is read;
     * float32 [1], until they are read.
     */
    Tensor flaw(List<Reading> readings) {
        List<Tensor> checked = readings.stream()
                .filter(reading -> reading.checked() != null)
                .map(Reading::value)
                .toList();
        Tensor finite = Tensors.cat(checked).isfinite().all();
        Tensor now = finite.logical_not().to(ScalarType.Float).reshape(1);
        Tensor before = flaw;
        flaw = Scope.hold(before == null ? now : torch.maximum(before, now));
        if (before != null) {
            Scope.release(before);
        }
        return flaw;
    }

    boolean any() {
        return !unread.isEmpty();
    }

    /**
     * What the steps measured since it was asked last.
     *
     * @throws NotFiniteException for the first that has something which isn't finite and must be
     */
    List<Measured> read() {
        double[] values = Scope.value(() ->
                Tensors.toDoubles(Tensors.cat(unread.stream().map(Taken::values).toList())));
        List<Measured> measured = new ArrayList<>();
        int at = 0;
        for (Taken taken : unread) {
            measured.add(new Measured(taken.step(), measures(taken, values, at)));
            at += taken.places().stream().mapToInt(Place::count).sum();
        }
        close();
        return measured;
    }

    private static Map<String, Double> measures(Taken taken, double[] values, int from) {
        Map<String, Double> measures = new LinkedHashMap<>();
        Map<String, double[]> byTime = new LinkedHashMap<>();
        int at = from;
        for (Place place : taken.places()) {
            int count = place.count();
            if (count > 1) {
                double[] sums = byTime.computeIfAbsent(place.name(), name -> new double[count]);
                for (int i = 0; i < count; i++) {
                    sums[i] += values[at + i];
                }
            } else if (place.checked() != null && !Double.isFinite(values[at])) {
                throw new NotFiniteException(place.checked(), values[at], taken.step() + 1);
            } else {
                measures.merge(place.name(), values[at] / place.parts(), Double::sum);
            }
            at += count;
        }
        byTime.forEach((name, sums) -> measures.putAll(means(name, sums)));
        return measures;
    }

    /** Of each part of the times that has a loss, the mean. */
    private static Map<String, Double> means(String name, double[] sums) {
        Map<String, Double> means = new LinkedHashMap<>();
        for (int i = 0; i < Loss.ByTime.PARTS; i++) {
            double count = sums[Loss.ByTime.PARTS + i];
            if (count > 0) {
                means.put(name + "." + i, sums[i] / count);
            }
        }
        return means;
    }

    /** Forgets what wasn't read. */
    @Override
    public void close() {
        unread.forEach(taken -> Scope.release(taken.values()));
        unread.clear();
        if (flaw != null) {
            Scope.release(flaw);
            flaw = null;
        }
    }
}
