package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class JointTest {
    @Test
    void numbers_states_by_their_codes_row_by_row() {
        Joint joint = Joint.potts(3);
        assertThat(joint.states()).isEqualTo(729);
        assertThat(joint.codes(3 * 3 * 3 * 3 * 3 + 2)).containsExactly(1, 0, 0, 0, 0, 2);
        assertThat(new KnownJoint().joint(1).codes(7)).containsExactly(KnownJoint.cells(7));
    }

    @Test
    void of_potts_prefers_neighbours_of_one_code() {
        Joint joint = Joint.potts(2);
        // of 0 1 0 / 1 0 1 no neighbours are alike, of 0 0 0 / 0 0 0 all seven: fields apart, e^(7 · 1.2)
        double fields = joint.probability(0b010101) * joint.probability(0b101010);
        assertThat(joint.probability(0) * joint.probability(0b111111) / fields)
                .isCloseTo(Math.exp(2 * 7 * 1.2), within(1e-3));
        assertThat(Arrays.stream(joint.probabilities()).sum()).isCloseTo(1, within(1e-12));
    }

    @Test
    void is_far_from_independent_tokens() {
        Joint potts = Joint.potts(2);
        assertThat(potts.totalVariation(potts.independent())).isCloseTo(0.586, within(5e-4));
        assertThat(potts.totalVariation(potts.probabilities())).isZero();
        KnownJoint known = new KnownJoint();
        assertThat(known.totalVariationOfIndependentCells(0)).isCloseTo(0.682, within(5e-4));
        assertThat(known.totalVariationOfIndependentCells(1)).isCloseTo(0.742, within(5e-4));
    }

    @Test
    void needs_a_weight_of_each_state() {
        assertThatThrownBy(() -> new Joint(new TokenSpace(2, 2, 2), new double[15]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("weights must be of all 16 states, got 15");
    }
}
