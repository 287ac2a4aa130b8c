"""The search for better settings of a recipe."""
