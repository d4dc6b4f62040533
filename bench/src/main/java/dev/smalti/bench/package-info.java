/**
 * End-to-end benchmarks and ablations: {@code ./bench/run} prints one JSON object. Not published, and nothing here is a
 * test.
 */
package dev.smalti.bench;
