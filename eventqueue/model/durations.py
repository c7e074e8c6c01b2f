"""Durations as a caller gives them: a timedelta, a number of seconds, or a text such as `1h30m`. Pure."""

import re
from datetime import timedelta

Duration = float | timedelta
"""A timedelta, or a number of seconds."""

SUCH_DURATIONS = "seconds, or such as 10m, 1h30m or 2d"
LENGTH_MAX = 64  # characters of one with units
_UNITS_S = (604_800, 86_400, 3600, 60, 1, 0.001)
_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
# As `figures.span` tells one, `3 min 4 s`, it is understood too.
_FORM = re.compile(r" ?".join(f"(?:({_NUMBER}) ?{unit})?" for unit in ("w", "d", "h", "m(?:in)?", "s", "ms")))


def in_seconds(duration: Duration) -> float:
    """Return how many seconds a duration has."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def seconds_in(text: str) -> float | None:
    """Return how many seconds a duration in words has, which has no sign: `90`, `10m`, `1h30m`; None where it is none.

    Units: w, d, h, m or min, s, ms, each once and the largest first. A number alone is seconds.
    """
    if re.fullmatch(_NUMBER, text):
        return float(text)  # however large: who asks says what is too much
    if len(text) > LENGTH_MAX or text != text.strip():
        return None
    found = _FORM.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS_S, strict=True) if part)
