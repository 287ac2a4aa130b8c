"""What a model is worth: figures, intervals, calibration, reports."""
