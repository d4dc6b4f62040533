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
 *
 * <p>With the page ({@link dev.smalti.studio.Serving#withPage}) come its files, which are plain modules of a browser and are sent as
 * they lie in the resources ({@code page/}), and what only it calls, below {@code /studio}: draws that tell of each step, an image as
 * its tokens, the nearest images of a data set, and runs as they grow ({@code Studio}).
 */
package dev.smalti.studio;
