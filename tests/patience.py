"""How long a test waits for what has to come."""

PATIENCE_S = 180.0
"""A guard against hanging for ever: nothing takes that long, on however slow and busy a machine."""
