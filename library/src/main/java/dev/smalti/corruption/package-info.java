/** How tokens are lost. {@link dev.smalti.corruption.Absorbing}: to a mask token. */
package dev.smalti.corruption;
