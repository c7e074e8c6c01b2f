"""What the product does in a second, beside what the same machine and the same server could do at most."""
