package dev.smalti.network;

/** What of a network's weights depends on the classes and the grids that it learnt from. */
public interface LearntNetwork {
    /** Where it keeps what it knows of classes; null where they can't be exchanged for others. */
    default ClassTable classTable() {
        return null;
    }

    /** Whether it learns something of each place of a grid, so that grids of another size need other weights; true unless it says not. */
    default boolean learnsPlaces() {
        return true;
    }

    /** Its blocks, by which the memory of training is reckoned; 0 where it isn't made of any. */
    default int layers() {
        return 0;
    }

    /** D, the channels of a token, likewise; 0 where there is no such number. */
    default int width() {
        return 0;
    }
}
