"""Emissions to types, sites and regions: our rule, and that of the published PEFT-SP."""
