package dev.smalti.train;

import dev.smalti.tensor.AtomicFile;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Curves of a run, one chart a measure, as one picture. */
final class TrainingPlot {
    private static final int WIDTH = 480;
    private static final int HEIGHT = 300;
    private static final int COLUMNS = 3;
    private static final int PROFILES = 4;
    private static final Set<String> DULL = Set.of("step", "seconds", "held_out.items");

    private TrainingPlot() {}

    /**
     * @param curves by name, of each step
     * @param profiles by name, of each step the losses of equal parts of all times, null where there is none
     */
    static void write(
            Path file, Map<String, TreeMap<Long, Double>> curves, Map<String, TreeMap<Long, List<Double>>> profiles)
            throws IOException {
        List<XYChart> charts = new ArrayList<>();
        curves.forEach((name, points) -> {
            if (!DULL.contains(name) && points.size() > 1) {
                charts.add(chart(name, points));
            }
        });
        profiles.forEach((name, lines) -> charts.add(profile(name, lines)));
        if (charts.isEmpty()) {
            return;
        }
        int rows = (charts.size() + COLUMNS - 1) / COLUMNS;
        int columns = Math.min(COLUMNS, charts.size());
        BufferedImage image = new BufferedImage(columns * WIDTH, rows * HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
        for (int i = 0; i < charts.size(); i++) {
            Graphics2D part = (Graphics2D) graphics.create(i % COLUMNS * WIDTH, i / COLUMNS * HEIGHT, WIDTH, HEIGHT);
            charts.get(i).paint(part, WIDTH, HEIGHT);
            part.dispose();
        }
        graphics.dispose();
        try (AtomicFile beside = AtomicFile.of(file)) {
            ImageIO.write(image, "png", beside.path().toFile());
            beside.commit();
        }
    }

    /** Over the share of noise, the last line and three before it, evenly spread over the run. */
    private static XYChart profile(String name, TreeMap<Long, List<Double>> lines) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(name)
                .xAxisTitle("t / T")
                .build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        List<Long> steps = List.copyOf(lines.keySet());
        Set<Long> drawn = new HashSet<>();
        for (int i = 1; i <= PROFILES; i++) {
            int line = (int) ((long) steps.size() * i / PROFILES) - 1;
            if (line < 0 || !drawn.add(steps.get(line))) {
                continue;
            }
            List<Double> losses = lines.get(steps.get(line));
            double[] known = IntStream.range(0, losses.size())
                    .filter(part -> losses.get(part) != null)
                    .mapToDouble(part -> part)
                    .toArray();
            if (known.length > 0) {
                chart.addSeries(
                                "step " + steps.get(line),
                                DoubleStream.of(known)
                                        .map(part -> (part + 0.5) / losses.size())
                                        .toArray(),
                                DoubleStream.of(known)
                                        .map(part -> losses.get((int) part))
                                        .toArray())
                        .setMarker(SeriesMarkers.NONE)
                        .setLineStyle(new BasicStroke(1.5f))
                        .setLineColor(new Color(0x1f, 0x4e, 0x79, 255 * i / PROFILES));
            }
        }
        return chart;
    }

    private static XYChart chart(String name, TreeMap<Long, Double> points) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(name)
                .xAxisTitle("step")
                .build();
        chart.getStyler().setLegendVisible(false);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.addSeries(
                        name,
                        points.keySet().stream().mapToDouble(Long::doubleValue).toArray(),
                        points.values().stream()
                                .mapToDouble(Double::doubleValue)
                                .toArray())
                .setMarker(SeriesMarkers.NONE)
                .setLineStyle(new BasicStroke(1.5f))
                .setLineColor(new Color(0x1f4e79));
        return chart;
    }
}
