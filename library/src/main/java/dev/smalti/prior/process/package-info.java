/**
 * What methods do alike: the way of a draw, bounds on the likelihood, times and masks that vary little over a batch, and lists
 * of steps that cost least, and students that draw in few steps.
 */
package dev.smalti.prior.process;
