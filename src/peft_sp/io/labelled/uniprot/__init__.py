"""Labelled proteins from what UniProt says of sequences: its text, tables and GFF."""
