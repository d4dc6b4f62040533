package dev.smalti.prior.process;

/**
 * How a student learns of its teacher to draw in few steps, Zhu et al. 2025 ({@link Distillation}).
 *
 * @param steps S, the most steps that the student learns to draw in; at least 1; 1 if left out
 * @param guidance w of the teacher, whose class-free guidance the student takes in; at least 0; 0 if left out
 * @param temperature of the teacher's guesses; above 0; 1 if left out
 * @param jeffreys β, the weight of the divergence of the auxiliary network from the teacher, which seeks modes, beside 1 - β of the
 *     teacher's from it, which covers them; [-1, 1]; 0 if left out
 * @param auxiliaryRate learning rate of the auxiliary network in units of training.learning_rate; above 0; 1 if left out
 * @param perturbation how far each of the student's mask tokens begins from the teacher's towards a code, in units of that
 *     code's way from the mean of all; at least 0; 1 if left out
 */
public record DistillationConfiguration(
        Integer steps,
        Double guidance,
        Double temperature,
        Double jeffreys,
        Double auxiliaryRate,
        Double perturbation) {
    public DistillationConfiguration {
        steps = steps == null ? 1 : steps;
        guidance = guidance == null ? 0 : guidance;
        temperature = temperature == null ? 1 : temperature;
        jeffreys = jeffreys == null ? 0 : jeffreys;
        auxiliaryRate = auxiliaryRate == null ? 1 : auxiliaryRate;
        perturbation = perturbation == null ? 1 : perturbation;
        if (steps < 1) {
            throw new IllegalArgumentException("steps must be at least 1, got " + steps);
        }
        if (!(guidance >= 0) || guidance.isInfinite()) {
            throw new IllegalArgumentException("guidance must be at least 0, got " + guidance);
        }
        if (!(temperature > 0) || temperature.isInfinite()) {
            throw new IllegalArgumentException("temperature must be above 0, got " + temperature);
        }
        if (!(jeffreys >= -1 && jeffreys <= 1)) {
            throw new IllegalArgumentException("jeffreys must be in [-1, 1], got " + jeffreys);
        }
        if (!(auxiliaryRate > 0) || auxiliaryRate.isInfinite()) {
            throw new IllegalArgumentException("auxiliary_rate must be above 0, got " + auxiliaryRate);
        }
        if (!(perturbation >= 0) || perturbation.isInfinite()) {
            throw new IllegalArgumentException("perturbation must be at least 0, got " + perturbation);
        }
    }
}
