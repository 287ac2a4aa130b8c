"""What commands show on a terminal, how they stop, and their streams."""
