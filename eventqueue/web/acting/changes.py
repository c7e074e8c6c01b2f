"""What is to be otherwise in jobs, as the fields of a form have it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from eventqueue.errors import InvalidInput
from eventqueue.model.durations import SUCH_DURATIONS, seconds_in
from eventqueue.web.typed import coming

Read = Callable[[str, datetime], Any]
"""Returns what a text that is typed stands for; the time that it is, is given. Raises ValueError, OverflowError."""


def _seconds(text: str, _: datetime) -> float:
    found = seconds_in(text)
    if found is None:
        raise ValueError
    return found


def _tags(text: str, _: datetime) -> list[str]:
    return [one for part in text.split(",") if (one := part.strip())]  # there are blanks within some


# By field: its label, what may be typed, how that is read.
FIELDS: Mapping[str, tuple[str, str, Read]] = {
    "queue": ("Queue", "the one that they go to", lambda text, _: text),
    "priority": ("Priority", "a whole number: higher runs first", lambda text, _: int(text)),
    "run_at": ("Not before", "1h, 18:00, 2026-11-28T03:12 (UTC unless a zone is given)", coming),
    "max_retries": ("Retries", "a whole number", lambda text, _: int(text)),
    "timeout": ("Timeout", SUCH_DURATIONS, _seconds),
    "tags": ("Tags", "in the place of those that it has, with commas between them", _tags),
}
OF_ONE: Mapping[str, tuple[str, str, Read]] = {**FIELDS, "command": ("Command", "what it runs", lambda text, _: text)}
"""What of one job alone may be otherwise, too."""


def changes(
    form: Mapping[str, str], now: datetime, fields: Mapping[str, tuple[str, str, Read]] = FIELDS
) -> Mapping[str, Any]:
    """Return the fields that a form gives. Raises InvalidInput, which names the one that is wrong."""
    found: dict[str, Any] = {}
    for field, (_, such, read) in fields.items():
        text = form.get(field, "").strip()
        try:
            found |= {field: read(text, now)} if text else {}
        except (ValueError, OverflowError):
            raise InvalidInput(field, f"cannot be {text[:100]!r}: give {such}") from None
    return found
