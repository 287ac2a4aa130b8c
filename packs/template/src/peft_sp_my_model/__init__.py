"""A model for PEFT-SP: the files beside this one. Using it imports nothing here."""
