"""Files in and out: FASTA and labelled proteins, results, pictures, models on disk. No tensors."""
