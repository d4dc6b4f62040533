/**
 * Networks as files of ONNX, which other programs run without this library.
 *
 * <p>An {@link dev.smalti.exchange.onnx.OnnxGraph} is written by hand for each of our networks, out of the values and operations of
 * {@link dev.smalti.exchange.onnx.OnnxValue} and of the weights below a name ({@link dev.smalti.exchange.onnx.OnnxPart}), which are
 * named as ours; {@link dev.smalti.exchange.onnx.OnnxFile} has its bytes, which are protocol buffers
 * ({@link dev.smalti.tensor.ProtocolMessage}). {@link dev.smalti.exchange.onnx.OnnxExport} says which files a model becomes.
 *
 * <p>Only operations are used that mean the same in all sets from 17 to 22 of them; the batch has any size.
 */
package dev.smalti.exchange.onnx;
