/**
 * {@link dev.smalti.model.Model}, which an embedding program meets first: opens a run folder as {@link dev.smalti.model.Opening} says, draws grids, decodes them to
 * images, encodes images, and shows grids in the making.
 */
package dev.smalti.model;
