/** RDPM's tokenizer. */
package dev.smalti.tokenizer.residual;
