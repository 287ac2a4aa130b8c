"""Commands: the only place that prints, and that catches our errors."""
