"""Trained networks as ONNX files, which predict without torch."""
