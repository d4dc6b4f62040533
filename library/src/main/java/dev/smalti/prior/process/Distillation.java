package dev.smalti.prior.process;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.MaskTokens;
import dev.smalti.distributed.WholeBatch;
import dev.smalti.draw.Categorical;
import dev.smalti.draw.Guidance;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.MaskedPrior;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.TokenBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A student that draws in one pass, or in a few, what its teacher draws in many: Di[M]O, Zhu et al. 2025, arXiv:2503.15457.
 *
 * <p>The student draws grids. Some of their tokens are masked again, and two networks guess these from the rest: the teacher,
 * and an auxiliary one, which learns from the student's draws alone what those are like. Where they agree for every mask, the
 * student draws what the teacher does. So the gradient by which the auxiliary guess would come nearer to the teacher's is given to
 * the student's own logits at the same places (equation 8 and algorithm 1).
 *
 * <pre>
 * student     masks [B, L], each showing a token at random -- student --> logits z [B·L, K] --> x_θ [B, L]
 *             -- mask again --> x̃ [B, L] -- teacher, auxiliary --> p_φ, p_ψ [M, K] --> ∂D(p_φ, p_ψ) -- given to z
 * auxiliary   x_θ [B, L] -- mask, the teacher's training loss --> ψ
 * </pre>
 *
 * <p>What a pass draws is independent given what the network sees, so what it sees must be random: {@link MaskTokens}.
 *
 * <p>Ours, and why: the number of tokens masked again is uniform in 1..L, as in the bound of all masked priors ({@link
 * MaskedBound}). Entropy comes from several mask tokens, which a known grid or a second step can be told from, where the paper perturbs
 * embeddings; its random codes at the start are {@code mask_share}. Students of S steps: the grid that is drawn was begun by the
 * student itself, in 0 to S - 1 steps, and only its last pass gets a gradient.
 *
 * <p>Letters: B batch, L tokens, K codes, M places masked again, S steps.
 */
public final class Distillation {
    private final DistillationConfiguration configuration;
    private final MaskedPrior student;
    private final MaskedPrior teacher;
    private final MaskedPrior auxiliary;
    private final Absorbing absorbing;
    private final long length;

    /** @param auxiliary begins with the teacher's weights, and is trained beside the student */
    public Distillation(
            DistillationConfiguration configuration, MaskedPrior student, MaskedPrior teacher, MaskedPrior auxiliary) {
        this.configuration = configuration;
        this.student = student;
        this.teacher = teacher;
        this.auxiliary = auxiliary;
        this.absorbing = new Absorbing(student.space());
        this.length = student.space().length();
        teacher.parameters().requireGradients(false);
    }

    /**
     * Gives the student the teacher's weights; where it has more mask tokens, each begins near one of the teacher's, towards a code.
     *
     * @throws IllegalArgumentException listing the weights that are missing, unknown, or of another shape
     */
    public void begin(Seed seed) {
        Scope.free(() -> {
            Map<String, Tensor> given = new LinkedHashMap<>(teacher.parameters().all());
            student.parameters().all().forEach((name, own) -> {
                Tensor theirs = given.get(name);
                if (theirs != null && isTable(own, student) && isTable(theirs, teacher)) {
                    given.put(name, table(theirs, own.size(0), seed.child(name)));
                }
            });
            student.parameters().load(given);
        });
    }

    /** Whether this is a vector for each code and mask token. */
    private static boolean isTable(Tensor tensor, MaskedPrior of) {
        return tensor.dim() == 2 && tensor.size(0) == of.maskTokens().inputs();
    }

    /**
     * Codes as they are, and mask tokens of which each leans towards a code, as if that might stand there: so the places already say
     * something in common, from which what they draw jointly can grow. [K + m', D] -> [K + m, D]
     */
    private Tensor table(Tensor theirs, long rows, Seed seed) {
        if (theirs.size(0) == rows) {
            return theirs;
        }
        long k = student.space().codes();
        Tensor codes = theirs.narrow(0, 0, k);
        Tensor masks = theirs.narrow(0, k, theirs.size(0) - k);
        Tensor number = torch.arange(new Scalar(rows - k), Tensors.options(ScalarType.Long));
        Tensor shuffled = Tensors.uniform(seed.generator(), k).argsort(); // so that no two of the first K are alike
        Tensor code = shuffled.index_select(0, number.remainder(new Scalar(k)));
        Tensor mask = number.remainder(new Scalar(masks.size(0)));
        Device device = theirs.device();
        Tensor towards = codes.index_select(0, code.to(device, ScalarType.Long))
                .sub(codes.mean(new long[] {0}, true, new ScalarTypeOptional()));
        Tensor near = masks.index_select(0, mask.to(device, ScalarType.Long))
                .add(towards.mul(new Scalar(configuration.perturbation())));
        return Tensors.cat(0, codes, near);
    }

    /** The student's, and the auxiliary network's. */
    public List<Objective<TokenBatch>> objectives() {
        return List.of(
                hiding(student, (x0, label, generator) -> studentLoss(x0.size(0), label, generator)), new Auxiliary());
    }

    /** Some grids have no class, as many as of the student's data, so that it learns the teacher's guess without one too. */
    private PriorObjective hiding(MaskedPrior of, PriorObjective.Method method) {
        return new PriorObjective(of.core(), student.objective().labelDropping(), method);
    }

    /** The auxiliary network's own loss, of grids that the student draws and of the classes that it was told. */
    private final class Auxiliary implements Objective<TokenBatch> {
        private final PriorObjective objective = hiding(auxiliary, (x0, label, generator) -> {
            Tensor drawn = drawn(x0.size(0), label, generator);
            return auxiliary.objective().method().loss(new TokenBatch(drawn, label), generator);
        });

        @Override
        public String name() {
            return "auxiliary";
        }

        @Override
        public Parameters parameters() {
            return auxiliary.parameters();
        }

        @Override
        public double rate() {
            return configuration.auxiliaryRate();
        }

        @Override
        public Loss loss(TokenBatch batch, long step, Seed seed) {
            return objective.loss(batch, step, seed);
        }
    }

    /**
     * A pass of the student over grids that it has begun.
     *
     * @param at the places that were masked before it, int64 [N]
     * @param logits there, [N, K]
     * @param x0 with what was drawn there, int64 [B, L]
     */
    private record Pass(Tensor at, Tensor logits, Tensor x0) {}

    /** Whole grids of the student's. int64 [B, L] */
    Tensor drawn(long batch, Tensor label, Generator generator) {
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor xt = nothing(batch);
            Tensor tokens = student.maskTokens().tokens(xt, generator);
            return pass(begun(xt, tokens, label, generator), tokens, label, generator)
                    .x0();
        }
    }

    /**
     * Its value is the divergence that is to vanish, in nats a token; its gradient that of algorithm 1.
     *
     * @param label int64 [B], the number of classes where hidden; null without classes
     */
    Loss studentLoss(long batch, Tensor label, Generator generator) {
        Tensor xt = nothing(batch);
        Tensor tokens = student.maskTokens().tokens(xt, generator);
        Pass pass = pass(begun(xt, tokens, label, generator), tokens, label, generator);
        Device device = xt.device();
        Tensor m = LowDiscrepancyTimes.times(generator, batch, length); // [B]
        Tensor lost = Devices.send(
                Absorbing.exactly(m, WholeBatch.uniform(generator, batch, length)), device, ScalarType.Bool); // [B, L]
        Tensor own = lost.flatten().index_select(0, pass.at()).nonzero().squeeze(1); // of those drawn, [M]
        Tensor at = pass.at().index_select(0, own);
        Divergence divergence = divergence(absorbing.mask(pass.x0(), lost), label, at, generator);
        Tensor z = pass.logits().index_select(0, own).to(ScalarType.Float); // [M, K]
        Scalar each = new Scalar(1.0 / (batch * length));
        Tensor given = z.mul(divergence.gradient()).sum().mul(each);
        Tensor value = divergence.value().mul(each);
        return new Loss(given.sub(given.detach()).add(value), Map.of());
    }

    /** Sets some of the masked places of grids in 0 to S - 1 steps of the student's, all alike. [B, L] -> [B, L] */
    private Tensor begun(Tensor xt, Tensor tokens, Tensor label, Generator generator) {
        int steps = configuration.steps();
        if (steps == 1) {
            return xt;
        }
        int done = (int) (Tensors.toDoubles(Tensors.uniform(generator, 1))[0] * steps);
        boolean learns =
                student.parameters().weights().values().iterator().next().requires_grad();
        student.parameters()
                .requireGradients(false); // autocast would keep weights without a gradient for the last pass
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor x = xt;
            for (int step = 0; step < done; step++) {
                Tensor x0 = pass(x, tokens, label, generator).x0();
                Tensor revealed =
                        WholeBatch.uniform(generator, xt.size(0), length).lt(new Scalar(1.0 / (steps - step)));
                x = torch.where(Devices.send(revealed, xt.device(), ScalarType.Bool), x0, x);
            }
            return x;
        } finally {
            student.parameters().requireGradients(learns);
        }
    }

    private Pass pass(Tensor xt, Tensor tokens, Tensor label, Generator generator) {
        Tensor at = absorbing.masked(xt).flatten().nonzero().squeeze(1); // [N]
        Tensor logits = student.logits(xt, label, at, tokens); // [N, K]
        Tensor u = Devices.send(
                WholeBatch.ofUneven(at.numel(), all -> Tensors.uniform(generator, all)),
                xt.device(),
                ScalarType.Double);
        Tensor codes = Categorical.drawOfMany(logits.detach(), 1, u, null); // [N]
        return new Pass(at, logits, xt.flatten().index_copy(0, at, codes).view_as(xt));
    }

    private Tensor nothing(long batch) {
        return torch.full(
                new long[] {batch, length},
                new Scalar(student.space().mask()),
                Tensors.options(ScalarType.Long, student.parameters().device()));
    }

    /**
     * (1 - β) KL(p_φ ‖ p_ψ) + β KL(p_ψ ‖ p_φ), the generalized Jeffrey divergence.
     *
     * @param value summed over places, []
     * @param gradient with respect to the auxiliary logits, [M, K]
     */
    record Divergence(Tensor value, Tensor gradient) {
        /** @param teacher ln p_φ, [M, K]. @param auxiliary ln p_ψ, [M, K] */
        static Divergence of(Tensor teacher, Tensor auxiliary, double beta) {
            Tensor p = teacher.exp();
            Tensor q = auxiliary.exp();
            Tensor ratio = auxiliary.sub(teacher);
            Tensor forward = p.mul(ratio).sum().neg();
            Tensor covers = q.sub(p);
            if (beta == 0) {
                return new Divergence(forward, covers);
            }
            Tensor reverse = q.mul(ratio).sum(new long[] {-1}, true, new ScalarTypeOptional());
            Tensor seeks = q.mul(ratio.sub(reverse));
            return new Divergence(
                    forward.mul(new Scalar(1 - beta)).add(reverse.sum().mul(new Scalar(beta))),
                    covers.mul(new Scalar(1 - beta)).add(seeks.mul(new Scalar(beta))));
        }
    }

    /** Of the guesses at some masked places. */
    private Divergence divergence(Tensor xt, Tensor label, Tensor at, Generator generator) {
        try (NoGradGuard guard = new NoGradGuard()) {
            teacher.parameters().training(false);
            auxiliary.parameters().training(false);
            Tensor tokens = teacher.maskTokens().tokens(xt, generator);
            Tensor guess = teacher.logits(xt, label, at, tokens).to(ScalarType.Float);
            if (configuration.guidance() > 0) {
                Tensor none = torch.full_like(label, new Scalar((long) teacher.classes()));
                Tensor without = teacher.logits(xt, none, at, tokens).to(ScalarType.Float);
                guess = Guidance.mix(guess, without, configuration.guidance());
            }
            Tensor own = auxiliary.logits(xt, label, at, tokens).to(ScalarType.Float);
            return Divergence.of(
                    torch.log_softmax(guess.div(new Scalar(configuration.temperature())), -1),
                    torch.log_softmax(own, -1),
                    configuration.jeffreys());
        }
    }
}
