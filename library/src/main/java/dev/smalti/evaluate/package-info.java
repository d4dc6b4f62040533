/**
 * A set of images becomes figures with intervals and a card: where images come from, what features they are seen by, and
 * what is made of them.
 */
package dev.smalti.evaluate;
