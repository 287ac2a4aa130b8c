"""Models by name: where they are, what their settings say, whether their files are whole."""
