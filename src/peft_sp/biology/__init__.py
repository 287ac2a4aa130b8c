"""Signal peptides as data: types, states, label sets, predictions. Pure Python and NumPy."""
