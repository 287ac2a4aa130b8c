"""The model `esm2-8m` for PEFT-SP: the files beside this one. Using it imports nothing here."""
