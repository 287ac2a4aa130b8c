"""Networks on PyTorch: backbones, tuning methods, the CRF, whole models, checkpoints."""
