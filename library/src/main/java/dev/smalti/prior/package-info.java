/**
 * Priors: {@link dev.smalti.prior.Prior} is all that the rest of the library knows of one. A method is a package below.
 * {@link dev.smalti.prior.Reversal} is what methods share whose chain corrupts tokens in steps of discrete time.
 */
package dev.smalti.prior;
