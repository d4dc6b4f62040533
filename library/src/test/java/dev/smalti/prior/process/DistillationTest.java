package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.MaskedPrior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DistillationTest {
    private static final int K = 4;
    private static final int L = 6;
    private static final TokenSpace SPACE = new TokenSpace(K, 2, 3);
    private static final int CLASSES = 2;
    private static final String TABLE = "tok_emb.weight";

    /** The priors of masked tokens. */
    private enum Kind {
        ABSORBING {
            @Override
            PriorConfiguration of(TransformerConfiguration network, Double dropping, int masks) {
                return new AbsorbingConfiguration(network, null, null, null, null, dropping, masks, null, null);
            }
        },
        MASKGIT {
            @Override
            PriorConfiguration of(TransformerConfiguration network, Double dropping, int masks) {
                return new MaskGitConfiguration(
                        network, null, null, null, null, null, null, null, dropping, masks, null);
            }
        };

        abstract PriorConfiguration of(TransformerConfiguration network, Double dropping, int masks);

        MaskedPrior prior(long seed, int width, Double dropping, int masks) {
            return (MaskedPrior) of(new TransformerConfiguration(2, width, 2, 0.0, 0.5), dropping, masks)
                    .build(SPACE, CLASSES, new Seed(seed), Devices.cpu());
        }

        MaskedPrior prior(long seed, int masks) {
            return prior(seed, 16, null, masks);
        }
    }

    private static DistillationConfiguration configuration(Integer steps, Double guidance, Double perturbation) {
        return new DistillationConfiguration(steps, guidance, null, null, null, perturbation);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3, 1, -0.2})
    void gives_the_gradient_of_its_divergence(double beta) {
        Scope.free(() -> {
            Tensor teacher = torch.log_softmax(Tensors.zeros(3, K).normal_(0, 1, new Seed(1).optional()), -1);
            Tensor logits = Tensors.zeros(3, K).normal_(0, 1, new Seed(2).optional());
            logits.set_requires_grad(true);
            Distillation.Divergence found = Distillation.Divergence.of(teacher, torch.log_softmax(logits, -1), beta);
            found.value().backward();
            assertThat(close(logits.grad(), found.gradient().detach())).isTrue();
            double forward = kl(teacher, torch.log_softmax(logits, -1));
            double reverse = kl(torch.log_softmax(logits, -1), teacher);
            assertThat(found.value().item_double()).isCloseTo((1 - beta) * forward + beta * reverse, within(1e-5));
        });
    }

    /** Σ p ln p / q */
    private static double kl(Tensor p, Tensor q) {
        return p.exp().mul(p.sub(q)).sum().item_double();
    }

    private static boolean close(Tensor a, Tensor b) {
        return a.sub(b).abs().max().item_double() < 1e-5;
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void a_student_begins_as_its_teacher_with_mask_tokens_near_the_teachers(Kind kind) {
        try (MaskedPrior teacher = kind.prior(1, 1);
                MaskedPrior auxiliary = kind.prior(1, 1);
                MaskedPrior student = kind.prior(2, 3)) {
            new Distillation(configuration(1, 0.0, 0.0), student, teacher, auxiliary).begin(new Seed(3));
            Scope.free(() -> {
                Tensor xt = Tensors.longs(0, 4, 4, 3, 4, 1).view(1, L);
                Tensor label = Tensors.longs(1);
                Tensor at = Tensors.longs(1, 2, 4);
                Tensor tokens = Tensors.longs(4, 6, 5, 4, 4, 5).view(1, L);
                assertThat(close(
                                student.logits(xt, label, at, tokens).detach(),
                                teacher.logits(xt, label, at, null).detach()))
                        .isTrue();
            });
            new Distillation(configuration(1, 0.0, 0.5), student, teacher, auxiliary).begin(new Seed(3));
            Scope.free(() -> {
                Tensor own = student.parameters().all().get(TABLE).detach();
                Tensor theirs = teacher.parameters().all().get(TABLE).detach();
                assertThat(own.narrow(0, 0, K).equal(theirs.narrow(0, 0, K))).isTrue();
                assertThat(own.select(0, K).equal(own.select(0, K + 1))).isFalse();
            });
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void refuses_a_student_with_another_network(Kind kind) {
        try (MaskedPrior teacher = kind.prior(1, 1);
                MaskedPrior auxiliary = kind.prior(1, 1);
                MaskedPrior student = kind.prior(2, 24, null, 3)) {
            Distillation distillation = new Distillation(configuration(1, 0.0, 0.5), student, teacher, auxiliary);
            assertThatThrownBy(() -> distillation.begin(new Seed(3)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("[");
        }
    }

    /** What the auxiliary network says is what the teacher does: nothing is to be learnt. */
    @ParameterizedTest
    @CsvSource({"ABSORBING, 1", "ABSORBING, 3", "MASKGIT, 1", "MASKGIT, 3"})
    void a_student_learns_nothing_where_the_auxiliary_network_agrees_with_the_teacher(Kind kind, int steps) {
        try (MaskedPrior teacher = kind.prior(1, 1);
                MaskedPrior auxiliary = kind.prior(1, 1);
                MaskedPrior student = kind.prior(2, 3)) {
            Distillation distillation = new Distillation(configuration(steps, 0.0, 0.5), student, teacher, auxiliary);
            Scope.free(() -> {
                Tensor label = Tensors.longs(0, 1, 1);
                var loss = distillation.studentLoss(3, label, new Seed(4).generator());
                loss.total().backward();
                assertThat(loss.total().item_double()).isCloseTo(0, within(1e-6));
                assertThat(norm(student)).isCloseTo(0, within(1e-6));
            });
            Distillation guided = new Distillation(configuration(steps, 2.0, 0.5), student, teacher, auxiliary);
            Scope.free(() -> {
                Tensor label = Tensors.longs(0, 1, 1);
                var loss = guided.studentLoss(3, label, new Seed(4).generator());
                loss.total().backward();
                assertThat(loss.total().item_double()).isPositive();
                assertThat(norm(student)).isPositive();
                assertThat(teacher.parameters().weights().values())
                        .noneMatch(weight -> weight.grad().defined());
            });
        }
    }

    /** Guidance of a student asks it for what it says of no class. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void a_student_learns_without_a_class_where_its_classes_are_hidden(Kind kind) {
        for (double dropping : new double[] {0, 1}) {
            try (MaskedPrior teacher = kind.prior(1, 1);
                    MaskedPrior auxiliary = kind.prior(5, 1);
                    MaskedPrior student = kind.prior(2, 16, dropping, 3)) {
                Distillation distillation = new Distillation(configuration(1, 0.0, 0.5), student, teacher, auxiliary);
                Scope.free(() -> {
                    TokenBatch batch = new TokenBatch(Tensors.filled(0, 3, L), Tensors.longs(0, 1, 1));
                    distillation.objectives().forEach(each -> each.loss(batch, 0, new Seed(4))
                            .total()
                            .backward());
                    for (MaskedPrior learner : List.of(student, auxiliary)) {
                        Tensor learnt = learner.parameters()
                                .weights()
                                .get("cls_emb.weight")
                                .grad()
                                .abs()
                                .sum(new long[] {1}, false, new ScalarTypeOptional());
                        assertThat(learnt.narrow(0, 0, CLASSES).sum().item_double() > 0)
                                .isEqualTo(dropping == 0);
                        assertThat(learnt.select(0, CLASSES).item_double() > 0).isEqualTo(dropping == 1);
                    }
                });
            }
        }
    }

    private static double norm(MaskedPrior prior) {
        double sum = 0;
        for (Tensor weight : prior.parameters().weights().values()) {
            if (weight.grad().defined()) {
                sum += weight.grad().square().sum().item_double();
            }
        }
        return Math.sqrt(sum);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void what_a_student_draws_for_the_auxiliary_network_is_whole(Kind kind) {
        try (MaskedPrior teacher = kind.prior(1, 1);
                MaskedPrior auxiliary = kind.prior(1, 1);
                MaskedPrior student = kind.prior(2, 3)) {
            Distillation distillation = new Distillation(configuration(3, 0.0, 0.5), student, teacher, auxiliary);
            Scope.free(() -> {
                for (int seed = 0; seed < 5; seed++) {
                    Tensor x0 = distillation.drawn(8, Tensors.filled(0, 8), new Seed(seed).generator());
                    assertThat(x0.scalar_type().intern()).isEqualTo(ScalarType.Long);
                    assertThat(SPACE.check("drawn", x0).size(1)).isEqualTo(L);
                    assertThat(x0.lt(new Scalar((long) K)).all().item_bool()).isTrue();
                }
            });
        }
    }

    @Test
    void refuses_what_is_out_of_range() {
        Map<DistillationConfigurationCall, String> wrong = Map.of(
                () -> new DistillationConfiguration(0, null, null, null, null, null), "steps must be at least 1, got 0",
                () -> new DistillationConfiguration(null, -1.0, null, null, null, null),
                        "guidance must be at least 0, got -1.0",
                () -> new DistillationConfiguration(null, null, 0.0, null, null, null),
                        "temperature must be above 0, got 0.0",
                () -> new DistillationConfiguration(null, null, null, 2.0, null, null),
                        "jeffreys must be in [-1, 1], got 2.0",
                () -> new DistillationConfiguration(null, null, null, null, 0.0, null),
                        "auxiliary_rate must be above 0, got 0.0",
                () -> new DistillationConfiguration(null, null, null, null, null, -1.0),
                        "perturbation must be at least 0, got -1.0");
        wrong.forEach((call, message) -> assertThatThrownBy(call::make)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message));
    }

    private interface DistillationConfigurationCall {
        DistillationConfiguration make();
    }
}
