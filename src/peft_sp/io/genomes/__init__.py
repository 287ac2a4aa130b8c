"""Genomes: coding sequences of a GFF3 file, and their proteins."""
