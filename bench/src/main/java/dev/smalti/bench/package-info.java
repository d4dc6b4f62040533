/**
 * End-to-end benchmarks and ablations: {@code ./bench/run} prints one JSON object. Verbs that are killed and gone on with:
 * {@code ./bench/kills}. Not published, and nothing here is a test.
 */
package dev.smalti.bench;
