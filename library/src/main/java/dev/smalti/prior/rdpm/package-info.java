/** RDPM. */
package dev.smalti.prior.rdpm;
