/**
 * The verbs, as the command line and Java programs call them: train a tokenizer, encode images, train a prior, generate, edit,
 * measure likelihood, evaluate, look at what a file is. Each is a record of what is asked, with a method that does it.
 */
package dev.smalti.job;
