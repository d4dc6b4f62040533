package dev.smalti.testing;

import static dev.smalti.testing.Samplers.at;
import static dev.smalti.testing.Samplers.bound;
import static dev.smalti.testing.Samplers.by;
import static dev.smalti.testing.Samplers.counts;
import static dev.smalti.testing.Samplers.gibbs;
import static dev.smalti.testing.Samplers.kept;
import static dev.smalti.testing.Samplers.multistep;
import static dev.smalti.testing.Samplers.steps;
import static dev.smalti.testing.Samplers.trapezoidal;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.testing.Samplers.Figure;
import dev.smalti.testing.Samplers.Method;
import dev.smalti.testing.Samplers.World;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code docs/samplers.md}, as it is computed. */
final class SamplerPage {
    static final String COMMAND = "mvn -pl testing -am test -Dtest=SamplerPageTest -Dsmalti.write=true"
            + " -Dsurefire.failIfNoSpecifiedTests=false";

    private static final Cell NONE = new Cell(null, 0, null, null);

    /** @param options of the command line; empty for what is usual */
    private record Line(String sampler, String options, List<Cell> cells) {}

    /** @param calls of its column; a figure with others says so */
    private record Cell(World world, int calls, Method method, Sampling sampling) {
        String text() {
            if (sampling == null) {
                return "";
            }
            Figure figure = Samplers.figure(world, method, sampling);
            String distance = rounded(figure.distance());
            if (sampling.unmasking().bound() > 0) {
                return distance + String.format(Locale.ROOT, " (%.1f)", figure.calls());
            }
            return figure.passes() == calls ? distance : distance + " (" + figure.passes() + ")";
        }
    }

    private SamplerPage() {}

    static String rounded(double distance) {
        return distance < 5e-4
                ? "0"
                : String.format(Locale.ROOT, "%.3f", distance).substring(1);
    }

    static String markdown() {
        return """
                # Samplers with a network that has nothing left to learn

                How far is what a sampler draws from what its network knows? Here the network is the exact posterior of a joint so small that all
                its grids can be counted, in each prior's own `sample`; and the law of what it draws is computed exactly, by going every way that
                a draw may take: no figure has an interval. What is left between the law and the joint is the sampler's doing alone. Figures are
                total variations: 0 is the joint itself, 1 what never happens in it. *Calls* are passes of the network. A figure that took others
                than its column says has them in brackets; those of an entropy bound are the mean over grids.

                - *A*: 2×2 tokens of 5 codes whose 625 states have weights of their own (`KnownJoint`), the mean of its two classes. Independent
                  tokens with the right marginal distributions are %s away.
                - *B*: 2×3 tokens of 2 codes that like to be as their neighbours are (Potts's model, coupling 1.2, fields of deviation 0.4:
                  `Joint.potts`). Independent tokens are %s away.

                So small grids flatter all that acts on single places: which sampler comes first is the finding, not by how much. And a trained
                network errs, which these don't: [sampling](sampling.md) says what each option is for, and measure on your own model with
                [`compare`](compare.md). Tests compute the tables anew and compare this page with them; this writes it:
                `%s`

                ## Masked tokens

                Absorbing diffusion, MaskGIT, D3PM and SEDD with masks draw all of these alike, but for what is usual in each.

                %s
                In a step of coins more pairs of places are drawn without knowing of each other than in one of counts. Looking ahead makes good
                a part of that, most of it in B, without a further call; with counts there is less to make good, and a small share is enough.
                SEDD's last call finds next to nothing left. Orders by what the network guesses are no better than random ones here; by
                *confidence* what was drawn decides, which bends the joint: no number of steps mends that. Sweeps in place of steps pay in A and
                not in B; masking again gains a little in B and loses in A.

                ## Replaced tokens

                The steps of D3PM are those between which equal shares of tokens come to be kept; SEDD's `log_linear` noise has such steps by itself,
                and one call more, which denoises. All in B.

                %s
                A sweep draws one place anew of what the others tell. At the end each brings the law nearer to the joint; between the steps
                they do less, since tokens are replaced again. Two calls a step are worth more than two steps, and more than looking ahead
                from the last.

                ## Masked and replaced tokens

                VQ-Diffusion in B, with 240 steps of training.

                %s""".formatted(
                        rounded(World.A.ofIndependentTokens()),
                        rounded(World.B.ofIndependentTokens()),
                        COMMAND,
                        table(List.of("A: 2 calls", "4", "8", "B: 2 calls", "4", "8"), masked()),
                        table(List.of("4 calls", "8", "16"), replaced()),
                        table(List.of("4 calls", "8"), both()));
    }

    private static String table(List<String> columns, List<Line> lines) {
        List<String> rows = new ArrayList<>();
        rows.add("| sampler | options | " + String.join(" | ", columns) + " |");
        rows.add("|---|---|" + "---|".repeat(columns.size()));
        for (Line line : lines) {
            String cells = line.cells().stream().map(Cell::text).collect(Collectors.joining(" | "));
            rows.add("| " + line.sampler() + " | " + line.options() + " | " + cells + " |");
        }
        return String.join("\n", rows) + "\n";
    }

    private static List<Line> masked() {
        Sampling two = counts(2, 2);
        Sampling rising = counts(1, 1, 2);
        Sampling each = counts(1, 1, 1, 1);
        Sampling twoOfB = counts(2, 4);
        Sampling fourOfB = counts(1, 1, 2, 2);
        List<Line> lines = new ArrayList<>();
        lines.add(masks("coins, equal steps (usual: D3PM)", "`--reveal coins`", SamplerPage::equal));
        lines.add(line("SEDD's own steps, and one that denoises", "", Method.SEDD_ABSORB, calls -> steps(calls - 1)));
        lines.add(masks(
                "coins, the fewer the noisier",
                "listed times",
                calls -> at(calls, u -> 1 - Math.cos(u * Math.PI / 2))));
        lines.add(new Line(
                "counts: 2 + 2, one a step; 2 + 4, 1 + 1 + 2 + 2",
                "`--reveal counts`, listed times",
                of(two, each, null, twoOfB, fourOfB, null)));
        for (double lambda : new double[] {0.5, 0.75}) {
            lines.add(masks(
                    "coins, looking ahead from the last step",
                    "`--reveal coins --extrapolate " + lambda + "`",
                    calls -> multistep(lambda, steps(calls))));
        }
        lines.add(new Line(
                "counts 1 + 1 + 2; 1 + 1 + 2 + 2, looking ahead",
                "`--reveal counts --extrapolate 0.1`, listed times",
                of(null, multistep(0.1, rising), null, null, multistep(0.1, fourOfB), null)));
        lines.add(masks(
                "θ-trapezoidal, θ = 1/2",
                "`--reveal coins --trapezoidal 0.5`",
                calls -> trapezoidal(0.5, steps(calls / 2))));
        lines.add(masks(
                "θ-trapezoidal, θ = 1/3",
                "`--reveal coins --trapezoidal 0.3333`",
                calls -> trapezoidal(1.0 / 3, steps(calls / 2))));
        for (double nats : new double[] {0.4, 0.6}) {
            lines.add(new Line(
                    "as many as an entropy bound allows",
                    "`--entropy-bound " + nats + "`",
                    of(null, bound(nats), null, null, bound(nats), null)));
        }
        for (Order order : List.of(Order.RASTER, Order.ENTROPY, Order.MARGIN, Order.MOMENT, Order.CONFIDENCE)) {
            String name = order.name().toLowerCase(Locale.ROOT);
            String noise = order == Order.CONFIDENCE ? " --order-noise 0" : "";
            lines.add(new Line(
                    "counts, by " + name + (noise.isEmpty() ? "" : " without noise"),
                    "`--order " + name + noise + "`, listed times",
                    of(by(order, two), by(order, rising), null, by(order, twoOfB), by(order, fourOfB), null)));
        }
        lines.add(masks(
                "half the calls coins, half sweeps of one place at the end",
                "`--reveal coins --corrector gibbs`",
                calls -> gibbs(calls / 2, 1, When.END, steps(calls / 2))));
        lines.add(
                remasked("masking again, by cap", "remask-cap", new Corrector.Remask(Corrector.Remask.Kind.CAP, 0.1)));
        return lines;
    }

    private static Line remasked(String sampler, String name, Corrector corrector) {
        return masks(
                sampler,
                "`--corrector " + name + " --corrector-eta 0.1`",
                calls -> calls == 2 ? null : steps(calls).corrector(corrector));
    }

    private static List<Line> replaced() {
        List<Line> lines = new ArrayList<>();
        lines.add(ofB("ancestral: D3PM", "", Method.D3PM_UNIFORM, kept(4), kept(8), kept(16)));
        lines.add(ofB("analytic: SEDD", "", Method.SEDD_UNIFORM, steps(4), steps(8), steps(16)));
        lines.add(ofB(
                "D3PM, then a sweep fewer than steps at the end",
                "`--corrector gibbs`",
                Method.D3PM_UNIFORM,
                gibbs(1, 1, When.END, kept(2)),
                gibbs(3, 1, When.END, kept(4)),
                gibbs(7, 1, When.END, kept(8))));
        lines.add(ofB(
                "D3PM with a sweep between steps",
                "`--corrector gibbs --corrector-when between`",
                Method.D3PM_UNIFORM,
                gibbs(1, 1, When.BETWEEN, kept(2)),
                gibbs(1, 1, When.BETWEEN, kept(4)),
                gibbs(1, 1, When.BETWEEN, kept(8))));
        lines.add(ofB(
                "D3PM, Ψ with κ = 0.95",
                "`--corrector psi --corrector-kappa 0.95`",
                Method.D3PM_UNIFORM,
                kept(4).corrector(new Corrector.Psi(0.95)),
                kept(8).corrector(new Corrector.Psi(0.95)),
                kept(16).corrector(new Corrector.Psi(0.95))));
        lines.add(ofB(
                "SEDD, looking ahead from the last step",
                "`--extrapolate 0.5`",
                Method.SEDD_UNIFORM,
                multistep(0.5, steps(4)),
                null,
                null));
        lines.add(ofB(
                "SEDD, θ-trapezoidal, θ = 1/2",
                "`--trapezoidal 0.5`",
                Method.SEDD_UNIFORM,
                trapezoidal(0.5, steps(2)),
                trapezoidal(0.5, steps(4)),
                null));
        return lines;
    }

    private static List<Line> both() {
        Sampling four = steps(4);
        Sampling eight = steps(8);
        return List.of(
                new Line("usual", "", List.of(b(4, Method.VQ_DIFFUSION, four), b(8, Method.VQ_DIFFUSION, eight))),
                new Line(
                        "half the calls sweeps of one place at the end",
                        "`--corrector gibbs`",
                        List.of(
                                b(4, Method.VQ_DIFFUSION, gibbs(2, 1, When.END, steps(2))),
                                b(8, Method.VQ_DIFFUSION, gibbs(4, 1, When.END, four)))));
    }

    /** A sampler with a number of calls; null for none. */
    private interface Calls {
        Sampling of(int calls);
    }

    private static Sampling equal(int calls) {
        return steps(calls);
    }

    private static Line masks(String sampler, String options, Calls sampling) {
        return line(sampler, options, Method.MASKS, sampling);
    }

    private static Line line(String sampler, String options, Method method, Calls sampling) {
        List<Cell> cells = Stream.of(World.A, World.B)
                .flatMap(world -> Stream.of(2, 4, 8).map(calls -> cell(world, calls, method, sampling.of(calls))))
                .toList();
        return new Line(sampler, options, cells);
    }

    /** In the columns of the first table. */
    private static List<Cell> of(Sampling... samplings) {
        List<Cell> cells = new ArrayList<>();
        for (int i = 0; i < samplings.length; i++) {
            cells.add(cell(i < 3 ? World.A : World.B, 2 << i % 3, Method.MASKS, samplings[i]));
        }
        return cells;
    }

    private static Line ofB(
            String sampler, String options, Method method, Sampling four, Sampling eight, Sampling sixteen) {
        return new Line(sampler, options, List.of(b(4, method, four), b(8, method, eight), b(16, method, sixteen)));
    }

    private static Cell b(int calls, Method method, Sampling sampling) {
        return cell(World.B, calls, method, sampling);
    }

    private static Cell cell(World world, int calls, Method method, Sampling sampling) {
        return sampling == null ? NONE : new Cell(world, calls, method, sampling);
    }
}
