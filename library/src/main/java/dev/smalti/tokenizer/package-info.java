/** Tokenizers: {@link dev.smalti.tokenizer.Tokenizer} is all that the rest of the library knows of one. */
package dev.smalti.tokenizer;
