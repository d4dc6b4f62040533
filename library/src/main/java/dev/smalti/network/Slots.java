package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Where each of M positions goes among B rows of equal length, as long as the most that one grid has.
 *
 * @param index int64 [M]
 * @param size of all rows together
 */
record Slots(Tensor index, long size) {
    /** @param at ascending indices into B rows of {@code length} positions */
    static Slots of(Tensor at, long grids, long length) {
        if (at.is_cuda()) {
            return new Slots(at, grids * length); // each at its own place: to count is to wait for the device
        }
        Tensor grid = at.floor_divide(new Scalar(length)); // [M]
        Tensor counts = torch.bincount(grid, new TensorOptional(), grids); // [B]
        Tensor before = counts.cumsum(0).sub(counts); // [B]
        Tensor rank = torch.arange(new Scalar(at.size(0)), Tensors.options(ScalarType.Long, at.device()))
                .sub(before.index_select(0, grid)); // [M]
        long most = counts.max().item_long();
        return new Slots(grid.mul(new Scalar(most)).add(rank), grids * most);
    }

    /** [M, D] -> [B·most, D], zero where nothing goes */
    Tensor spread(Tensor rows) {
        return torch.zeros(new long[] {size, rows.size(1)}, Tensors.options(rows.scalar_type(), rows.device()))
                .index_copy(0, index, rows);
    }

    /** [B·most, D] -> [M, D] */
    Tensor collect(Tensor rows) {
        return rows.index_select(0, index);
    }
}
