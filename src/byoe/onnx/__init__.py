"""A fitted ensemble as one graph of ONNX."""
