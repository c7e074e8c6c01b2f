"""The log in memory, and what whoever appends to a log or loads from one needs, whatever it is kept in."""
