package dev.smalti.compare;

import dev.smalti.compare.CompareResult.Cell;
import dev.smalti.compare.CompareResult.Point;
import dev.smalti.compare.CompareResult.Prior;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The plots of a {@link Compare}: a colour for each prior or tokenizer, the same in all. */
final class ComparePlots {
    static final String STEPS = "steps.png";
    static final String SECONDS = "seconds.png";
    static final String VARIETY = "variety.png";
    static final String BITS = "bits.png";
    static final String PSNR = "psnr.png";
    static final String RETURNED = "returned.png";

    private static final Logger LOG = LoggerFactory.getLogger(ComparePlots.class);
    private static final int WIDTH = 1050;
    private static final int HEIGHT = 640;
    private static final Color[] COLOURS = {
        new Color(0x1f77b4), new Color(0xd62728), new Color(0x2ca02c), new Color(0x9467bd), new Color(0xff7f0e),
        new Color(0x17becf), new Color(0x8c564b), new Color(0xe377c2), new Color(0xbcbd22), new Color(0x404040)
    };
    private static final Marker[] MARKERS = {
        SeriesMarkers.CIRCLE,
        SeriesMarkers.SQUARE,
        SeriesMarkers.DIAMOND,
        SeriesMarkers.TRIANGLE_UP,
        SeriesMarkers.TRIANGLE_DOWN
    };

    private ComparePlots() {}

    /** Writes those that there is something to show for. -> names of files in {@code plots} */
    static List<String> write(Path out, CompareResult result) {
        List<String> written = new ArrayList<>();
        try {
            String quality = quality(result);
            if (quality != null) {
                String title =
                        quality + (quality.equals("frechet") || quality.equals("fid") ? " (lower is better)" : "");
                XYChart steps = chart("steps of a draw", title, true, true);
                XYChart seconds = chart("seconds an image, drawing alone", title, true, true);
                XYChart variety = chart("recall (variety)", "precision (fidelity)", false, false);
                int[] number = {0};
                for (Prior prior : result.priors()) {
                    int own = number[0]++;
                    points(steps, prior, own, true, Cell::steps, each -> each.measures()
                            .value(quality));
                    points(seconds, prior, own, true, Cell::secondsPerImage, each -> each.measures()
                            .value(quality));
                    points(variety, prior, own, false, each -> each.measures().value("recall"), each -> each.measures()
                            .value("precision"));
                }
                references(steps, result, quality);
                references(seconds, result, quality);
                frame(variety);
                write(out, STEPS, steps, written);
                write(out, SECONDS, seconds, written);
                write(out, VARIETY, variety, written);
            }
            write(out, BITS, bits(result), written);
            write(out, RETURNED, returned(result, quality), written);
            write(out, PSNR, decibels(result), written);
        } catch (RuntimeException | LinkageError e) {
            LOG.warn("not all plots could be drawn: {}", e.toString()); // a machine without fonts can still measure
        }
        return written;
    }

    /** The metric that stands for quality; null if nothing was measured. */
    static String quality(CompareResult result) {
        return CompareTable.measures(result)
                .findFirst()
                .map(CompareResult.Measures::quality)
                .orElse(null);
    }

    /** A line through the settings that differ in steps alone, and points for the others. */
    private static void points(
            XYChart chart, Prior prior, int number, boolean line, ToDoubleFunction<Cell> x, ToDoubleFunction<Cell> y) {
        List<Cell> shown = prior.cells().stream()
                .filter(each -> each.skipped() == null)
                .filter(each -> Double.isFinite(x.applyAsDouble(each)) && Double.isFinite(y.applyAsDouble(each)))
                .sorted(Comparator.comparingDouble(x))
                .toList();
        List<Cell> walk = shown.stream()
                .filter(each -> line && each.differsInStepsAlone())
                .toList();
        List<Cell> others = shown.stream().filter(each -> !walk.contains(each)).toList();
        boolean named = series(chart, prior.name(), walk, number, x, y);
        XYSeries more = add(chart, prior.name() + (named ? ", other settings" : ""), others, x, y);
        if (more != null) {
            style(more, number).setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
            more.setShowInLegend(!named);
        }
    }

    private static boolean series(
            XYChart chart,
            String name,
            List<Cell> cells,
            int number,
            ToDoubleFunction<Cell> x,
            ToDoubleFunction<Cell> y) {
        XYSeries series = add(chart, name, cells, x, y);
        if (series != null) {
            style(series, number);
        }
        return series != null;
    }

    private static XYSeries add(
            XYChart chart, String name, List<Cell> cells, ToDoubleFunction<Cell> x, ToDoubleFunction<Cell> y) {
        return cells.isEmpty()
                ? null
                : chart.addSeries(
                        name,
                        cells.stream().mapToDouble(x).toArray(),
                        cells.stream().mapToDouble(y).toArray());
    }

    private static XYSeries style(XYSeries series, int number) {
        Color colour = COLOURS[number % COLOURS.length];
        series.setMarker(MARKERS[number % MARKERS.length]).setMarkerColor(colour);
        series.setLineColor(colour).setLineStyle(new BasicStroke(2f));
        return series;
    }

    /** Level lines, as wide as what is there. */
    private static void references(XYChart chart, CompareResult result, String quality) {
        double[] ends = chart.getSeriesCollection().stream()
                .flatMapToDouble(each -> Arrays.stream(each.getXData()))
                .sorted()
                .toArray();
        int number = 0;
        for (Map.Entry<String, CompareResult.Reference> line : lines(result).entrySet()) {
            CompareResult.Reference each = line.getValue();
            double level = each.measures().value(quality);
            number++;
            if (ends.length == 0 || !(level > 0)) {
                continue;
            }
            chart.addSeries(line.getKey(), new double[] {ends[0], ends[ends.length - 1]}, new double[] {level, level})
                    .setMarker(SeriesMarkers.NONE)
                    .setLineColor(each.name().equals("train") ? new Color(0x999999) : Color.BLACK)
                    .setLineStyle(new BasicStroke(
                            1.5f,
                            BasicStroke.CAP_BUTT,
                            BasicStroke.JOIN_MITER,
                            1f,
                            new float[] {6f, 2f + 3f * number},
                            0f));
        }
    }

    /** By names that differ, since no chart has two of one name. */
    static Map<String, CompareResult.Reference> lines(CompareResult result) {
        Map<String, CompareResult.Reference> lines = new LinkedHashMap<>();
        for (CompareResult.Reference each : result.references()) {
            String name = each.name().equals("train") ? "training images" : each.title() + " alone";
            lines.put(lines.containsKey(name) ? name + " " + (lines.size() + 1) : name, each);
        }
        return lines;
    }

    private static XYChart bits(CompareResult result) {
        XYChart chart = chart("training step", "held-out bits per token", false, false);
        int number = 0;
        for (Prior prior : result.priors()) {
            int own = number++;
            if (prior.curve().size() < 2) {
                continue;
            }
            XYSeries series = curve(chart, prior.name() + (prior.ownScale() ? " (own scale)" : ""), prior.curve());
            style(series, own);
            if (prior.ownScale()) {
                series.setLineStyle(new BasicStroke(
                        2f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1f, new float[] {3f, 4f}, 0f));
            }
        }
        return chart;
    }

    /** A point for each tokenizer. */
    private static XYChart returned(CompareResult result, String quality) {
        XYChart chart = chart("PSNR, dB (higher is better)", quality + " (lower is better)", false, false);
        int number = 0;
        for (CompareResult.Tokenizer each : result.tokenizers()) {
            double[] x = {each.measures().value("psnr")};
            double[] y = {each.measures().value(quality)};
            style(chart.addSeries(each.name(), x, y), number++)
                    .setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
        }
        return chart;
    }

    private static XYChart decibels(CompareResult result) {
        XYChart chart = chart("training step", "PSNR of held-out images, dB", false, false);
        int number = 0;
        for (CompareResult.Tokenizer each : result.tokenizers()) {
            int own = number++;
            if (each.curve().size() > 1) {
                style(curve(chart, each.name(), each.curve()), own);
            }
        }
        return chart;
    }

    private static XYSeries curve(XYChart chart, String name, List<Point> points) {
        return chart.addSeries(
                name,
                points.stream().mapToDouble(Point::step).toArray(),
                points.stream().mapToDouble(Point::value).toArray());
    }

    private static XYChart chart(String x, String y, boolean logarithmicX, boolean logarithmicY) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .xAxisTitle(x)
                .yAxisTitle(y)
                .build();
        Font plain = new Font(Font.SANS_SERIF, Font.PLAIN, 16);
        chart.getStyler()
                .setLegendPosition(Styler.LegendPosition.OutsideE)
                .setLegendLayout(Styler.LegendLayout.Vertical)
                .setLegendFont(plain)
                .setLegendBorderColor(Color.WHITE)
                .setChartBackgroundColor(Color.WHITE)
                .setChartTitleVisible(false);
        chart.getStyler()
                .setXAxisLogarithmic(logarithmicX)
                .setYAxisLogarithmic(logarithmicY)
                .setXAxisLogarithmicDecadeOnly(false)
                .setYAxisLogarithmicDecadeOnly(false)
                .setAxisTitleFont(plain)
                .setAxisTickLabelsFont(plain)
                .setPlotGridLinesColor(new Color(0xe4e4e4))
                .setPlotBorderVisible(false)
                .setMarkerSize(9)
                .setLocale(Locale.ROOT);
        if (logarithmicX) {
            chart.setCustomXAxisTickLabelsFormatter(value -> tick(value, List.of(1L, 2L, 5L)));
        }
        if (logarithmicY) {
            chart.setCustomYAxisTickLabelsFormatter(value -> tick(value, List.of(1L, 2L, 3L, 4L, 6L, 8L)));
        }
        return chart;
    }

    /** A label of a logarithmic axis: some of the digits, so that they keep apart. */
    private static String tick(double value, List<Long> digits) {
        double digit = value / Math.pow(10, Math.floor(Math.log10(value) + 1e-9));
        boolean shown = digits.contains(Math.round(digit));
        return shown
                ? BigDecimal.valueOf(value)
                        .round(new MathContext(2))
                        .stripTrailingZeros()
                        .toPlainString()
                : "";
    }

    /** Room around the points on axes from 0 to 1. */
    private static void frame(XYChart chart) {
        double[] ends = chart.getSeriesCollection().stream()
                .flatMapToDouble(each -> DoubleStream.of(each.getXMin(), each.getXMax()))
                .sorted()
                .toArray();
        double[] heights = chart.getSeriesCollection().stream()
                .flatMapToDouble(each -> DoubleStream.of(each.getYMin(), each.getYMax()))
                .sorted()
                .toArray();
        if (ends.length > 0) {
            chart.getStyler()
                    .setXAxisMin(ends[0] - 0.05)
                    .setXAxisMax(ends[ends.length - 1] + 0.05)
                    .setYAxisMin(heights[0] - 0.05)
                    .setYAxisMax(heights[heights.length - 1] + 0.05);
        }
    }

    private static void write(Path out, String name, XYChart chart, List<String> written) {
        if (chart.getSeriesCollection().isEmpty()) {
            return;
        }
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        chart.paint(graphics, WIDTH, HEIGHT);
        graphics.dispose();
        Pictures.writePng(out.resolve("plots").resolve(name), Pixels.of(image));
        written.add(name);
    }
}
