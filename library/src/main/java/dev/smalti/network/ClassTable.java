package dev.smalti.network;

/**
 * Where a network keeps what it knows of classes, by the names of tensors within it: in tables with a row for each class and a last one
 * for none.
 *
 * @param tables names of the tables, a regular expression
 * @param sum the tensor to which each row of the table is added, so that a network without classes has the last one there; null where that
 *     can't be
 * @param always whether a network without classes has a table too, of the last row alone
 */
public record ClassTable(String tables, String sum, boolean always) {
    /** A table whose rows are added to a tensor. */
    static ClassTable addedTo(String sum, String table) {
        return new ClassTable(table.replace(".", "\\."), sum, false);
    }
}
