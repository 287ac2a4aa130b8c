"""Pictures of single predictions, and tables of their residues."""
