"""Durations as a caller gives them: a timedelta, or a number of seconds."""

from datetime import timedelta

Duration = float | timedelta
"""A timedelta, or a number of seconds."""


def in_seconds(duration: Duration) -> float:
    """Return how many seconds a duration has."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration
