/**
 * A server that image clients know how to call, and a page to draw, edit and watch with: thin doors to what {@code dev.smalti.model}
 * and {@code dev.smalti.job} do.
 *
 * <pre>
 * request ──► ImageRequest ──► Wish ──► DrawingQueue ──► one draw of many wishes ──► Task ──► answer
 *             what it may say   what is drawn   bounded          Model.codes             images, frames
 * </pre>
 *
 * <p>Wishes that agree in all but seeds and classes are drawn together ({@link dev.smalti.studio.DrawingQueue}), and each image depends on its
 * own seed and class alone.
 */
package dev.smalti.studio;
