package dev.smalti.testing;

import static dev.smalti.testing.Samplers.at;
import static dev.smalti.testing.Samplers.bound;
import static dev.smalti.testing.Samplers.by;
import static dev.smalti.testing.Samplers.counts;
import static dev.smalti.testing.Samplers.gibbs;
import static dev.smalti.testing.Samplers.multistep;
import static dev.smalti.testing.Samplers.steps;
import static dev.smalti.testing.Samplers.trapezoidal;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.Remask;
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

/** {@code docs/samplers.md}, as it is computed. */
final class SamplerPage {
    static final String COMMAND = "mvn -Plearning -pl testing -am test -Dtest=SamplerPageTest -Dsmalti.write=true"
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
                *confidence* what was drawn decides, which bends the joint: no number of steps mends that. Halton's order keeps apart what B's
                neighbours know of each other, and does nothing for A, where all know of all. Sweeps in place of steps pay in A and not in B, at the
                end; between steps they pay in both where there are many. Masking again gains a little in B and loses in A, as Ψ does; the loop
                leaves too few steps for the rest.

                ## Replaced tokens

                The steps of D3PM are those between which equal shares of tokens come to be kept; SEDD's `log_linear` noise has such steps by itself,
                and one call more, which denoises. What looks ahead is counted in B alone: in A each state would be remembered with the guesses of each
                other. A test that is left to `-Plearning` does so for the first class of A: trapezoidal steps of SEDD are .33 away in 5 calls and
                .23 in 7 with θ = 1/2, .37 and .25 with θ = 1/3, analytic ones .27 in 7.

                %s
                A sweep draws one place anew of what the others tell. At the end each brings the law nearer to the joint; between the steps
                they do less, since tokens are replaced again, and less still in D3PM, whose last sweep comes before the last step: SEDD's comes
                before the call that denoises, where next to nothing is replaced. Looking ahead from the last step is worth most in few calls, two
                calls a step in many. D3PM halves its steps in time, where its cosine does not halve what is kept, and so gains less by them.
                Euler's steps are worse than analytic ones, the fewer the more; Ψ costs next to nothing and brings nothing.

                ## Masked and replaced tokens

                VQ-Diffusion in B, with 240 steps of training.

                %s
                Looking ahead is counted in two calls alone, for the number of states that masks and codes make of what is remembered. By purity with
                r = 0 places are chosen by what is guessed of them, and codes drawn as they are guessed; with r = 1 codes are drawn sharper than
                that, which helps in few steps and bends the joint in many.
                """.formatted(
                        rounded(World.A.ofIndependentTokens()),
                        rounded(World.B.ofIndependentTokens()),
                        COMMAND,
                        table(List.of("A: 2 calls", "4", "8", "B: 2 calls", "4", "8"), masked()),
                        table(List.of("A: 4 calls", "8", "16", "B: 4 calls", "8", "16"), replaced()),
                        table(List.of("2 calls", "4", "8"), both()));
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
        lines.add(masks("coins, equal steps (usual: D3PM)", "`--reveal coins`", Samplers::steps));
        lines.add(line("SEDD's own steps, and one that denoises", "", Method.SEDD_ABSORB, calls -> steps(calls - 1)));
        lines.add(line(
                "the same by Euler's steps",
                "`predictor: euler`",
                Method.SEDD_ABSORB_BY_EULER,
                calls -> steps(calls - 1)));
        lines.add(masks(
                "coins, the fewer the noisier",
                "listed times",
                calls -> at(calls, u -> 1 - Math.cos(u * Math.PI / 2))));
        lines.add(new Line(
                "counts: 2 + 2, one a step; 2 + 4, 1 + 1 + 2 + 2",
                "`--reveal counts`, listed times",
                of(two, each, null, twoOfB, fourOfB, null)));
        lines.add(new Line(
                "the same in SEDD",
                "`--reveal counts`, listed times",
                ofMethod(Method.SEDD_ABSORB, two, each, null, twoOfB, fourOfB, null)));
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
        for (Order order :
                List.of(Order.RASTER, Order.HALTON, Order.ENTROPY, Order.MARGIN, Order.MOMENT, Order.CONFIDENCE)) {
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
        lines.add(masks(
                "coins with a sweep of one place between steps",
                "`--reveal coins --corrector gibbs --corrector-when between`",
                calls -> calls == 2 ? null : gibbs(1, 1, When.BETWEEN, steps(calls / 2))));
        lines.add(corrected("Ψ with κ = 0.95", "psi --corrector-kappa 0.95", new Corrector.Psi(0.95)));
        for (double eta : new double[] {0.02, 0.1}) {
            lines.add(remasked(Remask.Kind.CAP, eta));
        }
        lines.add(remasked(Remask.Kind.RESCALE, 0.1));
        lines.add(remasked(Remask.Kind.LOOP, 0.1));
        return lines;
    }

    private static Line remasked(Remask.Kind kind, double eta) {
        String name = kind.name().toLowerCase(Locale.ROOT);
        return corrected(
                "masking again, by " + name + " with η = " + eta,
                "remask-" + name + " --corrector-eta " + eta,
                new Remask(kind, eta));
    }

    private static Line corrected(String sampler, String options, Corrector corrector) {
        return masks(
                sampler,
                "`--corrector " + options + "`",
                calls -> calls == 2 ? null : steps(calls).corrector(corrector));
    }

    private static List<Line> replaced() {
        Corrector psi = new Corrector.Psi(0.95);
        List<Line> lines = new ArrayList<>();
        lines.add(inBoth("ancestral: D3PM", "", Method.D3PM_UNIFORM, Samplers::kept));
        lines.add(inBoth("analytic: SEDD", "", Method.SEDD_UNIFORM, Samplers::steps));
        lines.add(inBoth("Euler's steps: SEDD", "`predictor: euler`", Method.SEDD_UNIFORM_BY_EULER, Samplers::steps));
        for (Method method : List.of(Method.D3PM_UNIFORM, Method.SEDD_UNIFORM)) {
            String name = method == Method.D3PM_UNIFORM ? "D3PM" : "SEDD";
            Calls steps = method == Method.D3PM_UNIFORM ? Samplers::kept : Samplers::steps;
            lines.add(inBoth(
                    name + ", then a sweep fewer than steps at the end",
                    "`--corrector gibbs`",
                    method,
                    calls -> gibbs(calls / 2 - 1, 1, When.END, steps.of(calls / 2))));
            lines.add(inBoth(
                    name + " with a sweep between steps",
                    "`--corrector gibbs --corrector-when between`",
                    method,
                    calls -> gibbs(1, 1, When.BETWEEN, steps.of(calls / 2))));
            lines.add(inBoth(
                    name + ", Ψ with κ = 0.95", "`--corrector psi --corrector-kappa 0.95`", method, calls -> steps.of(
                                    calls)
                            .corrector(psi)));
            lines.add(inB(
                    name + ", looking ahead from the last step",
                    "`--extrapolate 0.5`",
                    method,
                    calls -> multistep(0.5, steps.of(calls))));
            lines.add(inB(
                    name + ", θ-trapezoidal, θ = 1/2",
                    "`--trapezoidal 0.5`",
                    method,
                    calls -> trapezoidal(0.5, steps.of(calls / 2))));
            lines.add(inB(
                    name + ", θ-trapezoidal, θ = 1/3",
                    "`--trapezoidal 0.3333`",
                    method,
                    calls -> trapezoidal(1.0 / 3, steps.of(calls / 2))));
        }
        return lines;
    }

    private static List<Line> both() {
        Method usual = Method.VQ_DIFFUSION;
        return List.of(
                mixed("usual", "", usual, Samplers::steps),
                mixed(
                        "counts of the masked ones, by Halton",
                        "`--order halton`",
                        usual,
                        calls -> by(Order.HALTON, steps(calls))),
                mixed(
                        "half the calls sweeps of one place at the end",
                        "`--corrector gibbs`",
                        usual,
                        calls -> gibbs(calls / 2, 1, When.END, steps(calls / 2))),
                mixed(
                        "a sweep between steps",
                        "`--corrector gibbs --corrector-when between`",
                        usual,
                        calls -> calls == 2 ? null : gibbs(1, 1, When.BETWEEN, steps(calls / 2))),
                mixed(
                        "looking ahead from the last step",
                        "`--extrapolate 0.5`",
                        usual,
                        calls -> calls > 2 ? null : multistep(0.5, steps(calls))),
                mixed(
                        "θ-trapezoidal, θ = 1/2",
                        "`--trapezoidal 0.5`",
                        usual,
                        calls -> calls > 2 ? null : trapezoidal(0.5, steps(calls / 2))),
                mixed("by purity, r = 0", "`purity: 0`", Method.VQ_BY_PURITY, Samplers::steps),
                mixed("by purity, r = 1", "`purity: 1`", Method.VQ_BY_SHARP_PURITY, Samplers::steps));
    }

    /** A sampler with a number of calls; null for none. */
    private interface Calls {
        Sampling of(int calls);
    }

    private static Line masks(String sampler, String options, Calls sampling) {
        return line(sampler, options, Method.MASKS, sampling);
    }

    private static Line line(String sampler, String options, Method method, Calls sampling) {
        return ofCalls(sampler, options, method, List.of(World.A, World.B), List.of(2, 4, 8), sampling);
    }

    /** In the columns of the first table. */
    private static List<Cell> of(Sampling... samplings) {
        return ofMethod(Method.MASKS, samplings);
    }

    private static List<Cell> ofMethod(Method method, Sampling... samplings) {
        List<Cell> cells = new ArrayList<>();
        for (int i = 0; i < samplings.length; i++) {
            cells.add(cell(i < 3 ? World.A : World.B, 2 << i % 3, method, samplings[i]));
        }
        return cells;
    }

    /** In the columns of the second table. */
    private static Line inBoth(String sampler, String options, Method method, Calls sampling) {
        return ofCalls(sampler, options, method, List.of(World.A, World.B), List.of(4, 8, 16), sampling);
    }

    /** The same, but for the first columns. */
    private static Line inB(String sampler, String options, Method method, Calls sampling) {
        List<Cell> cells = new ArrayList<>(List.of(NONE, NONE, NONE));
        cells.addAll(ofCalls(sampler, options, method, List.of(World.B), List.of(4, 8, 16), sampling)
                .cells());
        return new Line(sampler, options, cells);
    }

    /** In the columns of the last table. */
    private static Line mixed(String sampler, String options, Method method, Calls sampling) {
        return ofCalls(sampler, options, method, List.of(World.B), List.of(2, 4, 8), sampling);
    }

    private static Line ofCalls(
            String sampler, String options, Method method, List<World> worlds, List<Integer> calls, Calls sampling) {
        List<Cell> cells = worlds.stream()
                .flatMap(world -> calls.stream().map(each -> cell(world, each, method, sampling.of(each))))
                .toList();
        return new Line(sampler, options, cells);
    }

    private static Cell cell(World world, int calls, Method method, Sampling sampling) {
        return sampling == null ? NONE : new Cell(world, calls, method, sampling);
    }
}
