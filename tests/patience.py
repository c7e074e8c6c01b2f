"""How long a test waits for what has to come."""

PATIENCE_S = 120.0
"""A guard against hanging for ever, which nothing takes: two of them go into the time that a whole test has."""
