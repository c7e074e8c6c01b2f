"""What people set and ask for while all runs: pauses, settings, that workers stop."""
