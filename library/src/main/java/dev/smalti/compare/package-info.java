/**
 * Plans that train and measure several priors, or several tokenizers: {@link dev.smalti.compare.Compare} goes through a plan cell by cell, keeps what
 * it has measured, and makes a table, plots and a page of it.
 */
package dev.smalti.compare;
