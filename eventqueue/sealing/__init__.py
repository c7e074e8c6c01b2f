"""Seals of the log: who makes them, of what has changed; and a log, or a job of it, held against them."""
