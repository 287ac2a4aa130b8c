"""Masked-residue training of backbones on windows without labels."""
