"""More than a prediction of each protein: of a whole genome, of every change of a protein."""
