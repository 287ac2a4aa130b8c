"""PEFT-SP."""
