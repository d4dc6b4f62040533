/**
 * Priors: {@link dev.smalti.prior.Prior} is all that the rest of the library knows of one. A method is a package below;
 * {@link dev.smalti.prior.process} is what methods do alike.
 */
package dev.smalti.prior;
