/** Priors: {@link dev.smalti.prior.Prior} is all that the rest of the library knows of one. A method is a package below. */
package dev.smalti.prior;
