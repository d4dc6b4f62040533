/**
 * {@link dev.smalti.model.Model}, which an embedding program meets first: opens a run folder, draws grids, decodes them to
 * images, encodes images, and shows grids in the making.
 */
package dev.smalti.model;
