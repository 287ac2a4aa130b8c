"""Commands by which models come and go: imported, exported, and on the hub."""
