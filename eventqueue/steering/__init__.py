"""What people set and ask for while all runs: pauses, settings, errors that are ignored, that workers stop."""
