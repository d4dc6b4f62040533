package dev.smalti.testing;

import dev.smalti.corruption.Noise;
import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.d3pm.D3pmConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration.Parametrisation;
import dev.smalti.prior.sedd.SeddConfiguration.Predictor;
import dev.smalti.prior.sedd.SeddConfiguration.Transitions;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration.Drawing;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.stream.IntStream;

/** What samplers make of a network that knows the joint: the figures of {@code docs/samplers.md}, each computed once a process. */
final class Samplers {
    /** What is drawn. */
    enum World {
        /** {@link KnownJoint}, the mean of both classes. */
        A(new KnownJoint().joint(0), new KnownJoint().joint(1)),
        /** Its first class alone. */
        FIRST(new KnownJoint().joint(0)),
        /** {@link Joint#potts} of two codes. */
        B(Joint.potts(2));

        private final List<Joint> joints;

        World(Joint... joints) {
            this.joints = List.of(joints);
        }

        /** How far independent tokens with the right marginal distributions are. */
        double ofIndependentTokens() {
            return joints.stream()
                    .mapToDouble(joint -> joint.totalVariation(joint.independent()))
                    .average()
                    .orElseThrow();
        }
    }

    /** A prior with the exact network. */
    enum Method {
        /** Absorbing diffusion, which draws as all that mask tokens do. */
        MASKS(1),
        /** SEDD that masks. */
        SEDD_ABSORB(1),
        /** The same with Euler's steps. */
        SEDD_ABSORB_BY_EULER(1),
        /** D3PM that replaces. */
        D3PM_UNIFORM(0),
        /** SEDD that replaces. */
        SEDD_UNIFORM(0),
        /** The same with Euler's steps. */
        SEDD_UNIFORM_BY_EULER(0),
        /** SEDD that replaces, and whose network gives the ratios themselves. */
        SEDD_SCORES(0),
        /** VQ-Diffusion, which does both. */
        VQ_DIFFUSION(0.9),
        /** The same by the purity rule with r = 0, which chooses places and leaves codes as they are guessed. */
        VQ_BY_PURITY(1),
        /** The same with r = 1. */
        VQ_BY_SHARP_PURITY(1);

        private final double masked;

        Method(double masked) {
            this.masked = masked;
        }
    }

    /**
     * Of a draw.
     *
     * @param distance total variation to the joint
     * @param passes of the network, {@link SamplerLaw.Law#passes}
     * @param calls the same of a grid in the mean, {@link SamplerLaw.Law#calls}
     */
    record Figure(double distance, int passes, double calls) {}

    private record Key(World world, Method method, Sampling sampling) {}

    private static final int CHAIN =
            10_000; // steps of D3PM, so many that each share of kept tokens is near one of them
    private static final int LEVELS = 240; // steps of VQ-Diffusion
    private static final Schedule COSINE = Schedule.cosine(CHAIN);
    private static final Map<Key, Figure> FIGURES = new ConcurrentHashMap<>();

    private Samplers() {}

    static Figure figure(World world, Method method, Sampling sampling) {
        return FIGURES.computeIfAbsent(new Key(world, method, sampling), Samplers::computed);
    }

    static double distance(World world, Method method, Sampling sampling) {
        return figure(world, method, sampling).distance();
    }

    private static Figure computed(Key key) {
        double distance = 0;
        double calls = 0;
        int passes = 0;
        for (Joint joint : key.world().joints) {
            SamplerLaw.Law law = law(joint, key.method(), key.sampling());
            distance +=
                    joint.totalVariation(law.probability()) / key.world().joints.size();
            calls += law.calls() / key.world().joints.size();
            passes = Math.max(passes, law.passes());
        }
        return new Figure(distance, passes, calls);
    }

    private static SamplerLaw.Law law(Joint joint, Method method, Sampling sampling) {
        return switch (method) {
            case MASKS ->
                law(
                        joint,
                        method,
                        ExactPosterior.ofMasks(joint),
                        network -> new AbsorbingConfiguration(network, 64, null, null, null, null),
                        coins(sampling));
            case SEDD_ABSORB -> sedd(joint, method, Transitions.ABSORB, Predictor.ANALYTIC, sampling);
            case SEDD_ABSORB_BY_EULER -> sedd(joint, method, Transitions.ABSORB, Predictor.EULER, sampling);
            case SEDD_UNIFORM -> sedd(joint, method, Transitions.UNIFORM, Predictor.ANALYTIC, sampling);
            case SEDD_UNIFORM_BY_EULER -> sedd(joint, method, Transitions.UNIFORM, Predictor.EULER, sampling);
            case SEDD_SCORES ->
                law(
                        joint,
                        method,
                        ExactPosterior.ofRatios(joint),
                        network -> sedd(network, Transitions.UNIFORM, Parametrisation.SCORE, Predictor.ANALYTIC),
                        sampling);
            case D3PM_UNIFORM ->
                law(
                        joint,
                        method,
                        ExactPosterior.ofChain(joint, COSINE),
                        network ->
                                new D3pmConfiguration(network, null, null, CHAIN, Posterior.CONTEXT, null, null, null),
                        sampling);
            case VQ_DIFFUSION -> vqDiffusion(joint, method, null, sampling);
            case VQ_BY_PURITY -> vqDiffusion(joint, method, new Drawing(null, 0.0, null), sampling);
            case VQ_BY_SHARP_PURITY -> vqDiffusion(joint, method, new Drawing(null, 1.0, null), sampling);
        };
    }

    private static SamplerLaw.Law law(
            Joint joint,
            Method method,
            ExactPosterior network,
            Function<NetworkConfiguration, PriorConfiguration> prior,
            Sampling sampling) {
        return SamplerLaw.of(joint, method.masked, network, prior, sampling);
    }

    private static SamplerLaw.Law sedd(
            Joint joint, Method method, Transitions transitions, Predictor predictor, Sampling sampling) {
        return law(
                joint,
                method,
                transitions == Transitions.ABSORB ? ExactPosterior.ofMasks(joint) : ExactPosterior.ofNoise(joint),
                network -> sedd(network, transitions, Parametrisation.EXACT, predictor),
                sampling);
    }

    private static SeddConfiguration sedd(
            NetworkConfiguration network,
            Transitions transitions,
            Parametrisation parametrisation,
            Predictor predictor) {
        Noise noise = new Noise(Noise.Shape.LOG_LINEAR, 1e-6, null, null); // little is left at the noisy end
        SeddConfiguration.Steps steps = new SeddConfiguration.Steps(null, predictor, null);
        return new SeddConfiguration(network, transitions, noise, parametrisation, null, null, steps, null, null);
    }

    private static SamplerLaw.Law vqDiffusion(Joint joint, Method method, Drawing drawing, Sampling sampling) {
        return law(
                joint,
                method,
                ExactPosterior.ofChain(joint, Schedule.maskAndReplace(LEVELS)),
                network -> new VqDiffusionConfiguration(
                        network, LEVELS, null, Posterior.CONTEXT, null, null, null, null, drawing, null, null),
                sampling);
    }

    /** Coins where nothing is said of how many places are revealed, not the counts that are usual in few steps. */
    private static Sampling coins(Sampling sampling) {
        return sampling.unmasking().equals(Unmasking.USUAL)
                ? sampling.unmasking(Unmasking.USUAL.reveal(Reveal.COINS))
                : sampling;
    }

    // What is wished

    static Sampling steps(int steps) {
        return Sampling.USUAL.steps(steps);
    }

    /** At shares of masks that a curve gives of equal ones, 1 of 1. */
    static Sampling at(int steps, DoubleUnaryOperator curve) {
        return Sampling.USUAL.times(IntStream.range(0, steps)
                .mapToObj(i -> i == 0 ? 1.0 : curve.applyAsDouble((double) (steps - i) / steps))
                .toList());
    }

    /** So that so many places are revealed in each step, of a grid of as many as they are together. */
    static Sampling counts(int... each) {
        double length = Arrays.stream(each).sum();
        List<Double> times = IntStream.range(0, each.length)
                .mapToObj(i -> Arrays.stream(each, i, each.length).sum() / length)
                .toList();
        return Sampling.USUAL.times(times).unmasking(Unmasking.USUAL.reveal(Reveal.COUNTS));
    }

    static Sampling by(Order order, Sampling counts) {
        return counts.unmasking(new Unmasking(Reveal.COUNTS, order, order == Order.CONFIDENCE ? 0.0 : null, 0));
    }

    static Sampling bound(double nats) {
        return Sampling.USUAL.unmasking(Unmasking.USUAL.bound(nats));
    }

    static Sampling multistep(double lambda, Sampling sampling) {
        return sampling.extrapolation(new Extrapolation.Multistep(lambda));
    }

    static Sampling trapezoidal(double theta, Sampling sampling) {
        return sampling.extrapolation(new Extrapolation.Trapezoidal(theta));
    }

    static Sampling gibbs(int sweeps, int places, When when, Sampling sampling) {
        return sampling.corrector(new Corrector.Gibbs(sweeps, places, when));
    }

    /** Steps of D3PM between which the share of kept tokens grows by as much each, by its cosine. */
    static Sampling kept(int steps) {
        double[] kept = Scope.value(() -> Tensors.toDoubles(COSINE.at(
                        Tensors.longs(
                                IntStream.rangeClosed(0, CHAIN).asLongStream().toArray()),
                        Devices.cpu())
                .kept()));
        List<Double> times = IntStream.range(0, steps)
                .mapToObj(i -> i == 0 ? 1.0 : first(kept, (double) i / steps) / CHAIN)
                .toList();
        return Sampling.USUAL.times(times);
    }

    /** The first step after which no more is kept. */
    private static double first(double[] kept, double share) {
        return IntStream.range(0, kept.length)
                .filter(t -> kept[t] <= share + 1e-9)
                .findFirst()
                .orElseThrow();
    }
}
