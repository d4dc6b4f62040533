package dev.smalti.run;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Which of the classes of one prior are those of another.
 *
 * @param theirs the number of classes of the prior that is there; 0 for none
 * @param origins for each class of the other its number there, or -1 for a new one
 * @param named names of the new ones; empty where they have none
 */
record ClassRows(int theirs, int[] origins, List<String> named) {
    private static final int SHOWN = 6;

    /**
     * By name where both have names; else by number where there are as many, and none where there are not.
     *
     * @param names of theirs; empty for none
     */
    static ClassRows of(int theirs, List<String> names, int own, List<String> ownNames) {
        int[] origins = new int[own];
        if (names.isEmpty() || ownNames.isEmpty()) {
            Arrays.setAll(origins, i -> theirs == own ? i : -1);
            return new ClassRows(theirs, origins, List.of());
        }
        Arrays.setAll(origins, i -> names.indexOf(RunFolder.Description.composed(ownNames.get(i))));
        List<String> anew = new ArrayList<>(ownNames);
        anew.removeIf(name -> names.contains(RunFolder.Description.composed(name)));
        return new ClassRows(theirs, origins, anew);
    }

    int own() {
        return origins.length;
    }

    /** Whether all are the same, in the same order. */
    boolean same() {
        return own() == theirs && IntStream.range(0, theirs).allMatch(i -> origins[i] == i);
    }

    /**
     * A table of the other prior's classes: rows that are known, the mean of all that are there for new ones, or the last where there
     * are none, and the last row, which stands for no class, as it is. [theirs + 1, D] -> [own + 1, D]
     */
    Tensor of(Tensor table) {
        return Scope.keep(() -> {
            Tensor none = table.narrow(0, theirs, 1);
            Tensor anew = theirs == 0
                    ? none
                    : table.narrow(0, 0, theirs).mean(new long[] {0}, true, new ScalarTypeOptional());
            Tensor all = Tensors.cat(0, table, anew); // the last row is for new ones
            long[] rows = new long[own() + 1];
            Arrays.setAll(rows, i -> i == own() ? theirs : origins[i] < 0 ? theirs + 1 : origins[i]);
            return all.index_select(0, Tensors.longs(rows).to(table.device(), ScalarType.Long));
        });
    }

    /** How many are kept, and which are new. */
    String text() {
        if (own() == 0 || theirs == 0) {
            return own() == 0 ? "this prior begins as it is without a class" : "every class begins as it is";
        }
        long kept = IntStream.of(origins).filter(each -> each >= 0).count();
        String which = named.isEmpty() ? "" : ": " + String.join(", ", named.subList(0, Math.min(SHOWN, named.size())));
        return Phrase.of("of the %d of this prior %d keep what it learnt of them, and %d begin at their mean%s%s")
                .with(own(), kept, own() - kept, which, named.size() > SHOWN ? ", …" : "");
    }
}
