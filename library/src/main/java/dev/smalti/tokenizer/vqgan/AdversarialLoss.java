package dev.smalti.tokenizer.vqgan;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What the autoencoder and the discriminator D, whose outputs are any numbers, play for. Each loss is a mean over outputs. */
public enum AdversarialLoss {
    /** ½ (relu(1 - D(x)) + relu(1 + D(x̂))) for the discriminator and -D(x̂) for the autoencoder, as released. */
    HINGE {
        @Override
        Tensor ofAutoencoder(Tensor fake) {
            return fake.to(ScalarType.Float).mean().neg();
        }

        @Override
        Tensor ofDiscriminator(Tensor real, Tensor fake) {
            Scalar one = new Scalar(1.0);
            Tensor onReal = torch.relu(real.to(ScalarType.Float).neg().add(one)).mean();
            Tensor onFake = torch.relu(fake.to(ScalarType.Float).add(one)).mean();
            return onReal.add(onFake).mul(new Scalar(0.5));
        }
    },
    /**
     * -ln σ(D(x)) - ln(1 - σ(D(x̂))) for the discriminator and ln(1 - σ(D(x̂))) for the autoencoder, as printed: Bond-Taylor
     * et al. 2022, eq. 9.
     */
    LOG {
        @Override
        Tensor ofAutoencoder(Tensor fake) {
            return torch.log_sigmoid(fake.to(ScalarType.Float).neg()).mean();
        }

        @Override
        Tensor ofDiscriminator(Tensor real, Tensor fake) {
            Tensor onReal = torch.log_sigmoid(real.to(ScalarType.Float)).mean();
            Tensor onFake = torch.log_sigmoid(fake.to(ScalarType.Float).neg()).mean();
            return onReal.add(onFake).neg();
        }
    };

    /** g, given D(x̂). Any shape -> [] */
    abstract Tensor ofAutoencoder(Tensor fake);

    /** L_D, given D(x) and D(x̂). Any shapes -> [] */
    abstract Tensor ofDiscriminator(Tensor real, Tensor fake);
}
