"""Commands that ask more of predictions: of a whole genome, of every change of a protein."""
