"""Models by name: where they are, what their settings hold, whether their files are unaltered."""
