"""A worker's life and what comes after it: its lease, its heartbeat, its place, and the rescue of the dead."""
