"""What other programs wrote with torch.save, made into directories of this program."""
