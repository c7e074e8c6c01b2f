"""What the engine says to whatever runs jobs, and what it is told of them."""
