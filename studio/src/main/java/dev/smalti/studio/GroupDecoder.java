package dev.smalti.studio;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.model.Model;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decodes grids of many clients, so that none's bytes depend on who is beside it.
 *
 * <p>On some machines the last bits of a convolution depend on how many images go through it, and on the place among them. How, follows
 * from the shapes and not from the numbers; so grids of chance are decoded singly and in a group once for each size of grid. If all their
 * bits are alike at every place, groups are decoded from then on, else each grid by itself, which takes twice as long.
 */
final class GroupDecoder {
    private static final Logger LOG = LoggerFactory.getLogger(GroupDecoder.class);
    private static final long PIXELS = 1 << 15; // of a group: 8 images of 64 x 64, or 1 of 256 x 256
    private static final long MOST = 8;

    private final Map<TokenSpace, Integer> groups = new ConcurrentHashMap<>(); // their sizes

    /** How many images are decoded at once. */
    int group(Model model, TokenSpace space) {
        return groups.computeIfAbsent(space, each -> {
            long pixels = each.length() * model.patch() * model.patch();
            int size = (int) Math.min(MOST, Math.max(1, PIXELS / pixels));
            return size > 1 && isAlike(model, each, size) ? size : 1;
        });
    }

    private static boolean isAlike(Model model, TokenSpace space, int size) {
        int length = Math.toIntExact(space.size());
        long[] codes =
                new Random(1).longs((long) size * length, 0, space.codes()).toArray();
        boolean alike = Scope.value(() -> {
            Tensor grids = space.grids(Tensors.longs(codes)); // [size, h, w]
            Tensor together = model.decode(grids);
            for (int i = 0; i < size; i++) {
                if (!model.decode(grids.narrow(0, i, 1)).equal(together.narrow(0, i, 1))) {
                    return false;
                }
            }
            return true;
        });
        LOG.debug("grids of {} are decoded {}", space.grid(), alike ? size + " at once" : "singly");
        return alike;
    }

    /** At most a group of grids, fewer than which are filled up. [B, h, w] or [B, T, h, w] -> B images */
    List<Pixels> decode(Model model, Tensor codes, int group) {
        long count = codes.size(0);
        if (group == 1 || count * 3 < group) { // a group takes about as long as three by themselves
            List<Pixels> images = new ArrayList<>();
            for (long i = 0; i < count; i++) {
                Tensor one = codes.narrow(0, i, 1);
                images.addAll(Scope.value(() -> Pictures.fromTensor(model.decode(one))));
            }
            return images;
        }
        long[] places = new long[group]; // those beyond the last are the first again
        for (int i = 0; i < count; i++) {
            places[i] = i;
        }
        return Scope.value(() -> Pictures.fromTensor(
                        model.decode(codes.index_select(0, Tensors.longs(places).to(codes.device(), ScalarType.Long)))))
                .subList(0, (int) count);
    }
}
