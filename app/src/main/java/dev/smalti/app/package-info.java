/**
 * The command line, thin: each verb reads its arguments, calls the verb of the same name in {@link dev.smalti.job}, and
 * prints what came of it. The {@code smalti} script at the top of the source tree starts it.
 *
 * <p>Standard output holds the result alone, as text or, with {@code --json}, as one JSON object; progress, warnings and
 * errors go to standard error. Exit code 0: done; 1: failed; 2: wrong usage or bad input.
 */
package dev.smalti.app;
