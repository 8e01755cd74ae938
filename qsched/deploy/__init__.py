"""Networks out: integers, ONNX, QONNX and ternary accelerators."""
