/** Tokenizers: {@link dev.smalti.tokenizer.Tokenizer} is all that the rest of the library knows of one, and a
 * {@link dev.smalti.tokenizer.PerceptualLoss} what a tokenizer may be trained against besides. */
package dev.smalti.tokenizer;
