"""Times as people type them into a page, in UTC unless they name a zone; and versions, as its addresses have them."""

from datetime import UTC, datetime

from eventqueue.errors import InvalidInput
from eventqueue.model import times
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.system.zones import zone
from eventqueue.web.asked import Asked


def passed(field: str, text: str, now: datetime) -> datetime:
    """Return a time that has been, such as `10m` ago. Raises InvalidInput, which names the field."""
    try:
        return times.meant_at(times.typed(text, UTC, zone), now)
    except (ValueError, OverflowError):
        raise InvalidInput(
            field, f"{text[:100]!r} is no time: give one such as 2026-11-28T03:12, 10m (ago), 03:12"
        ) from None


def version(asked: Asked, name: str) -> int | None:
    """Return the version that a parameter is, None where it is not given. Raises InvalidInput."""
    text = asked.query.get(name, "")
    if not text:
        return None
    # A hand may have put an event at any version that there can be: the address of what is before it is one of ours.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(VERSION_MAX)) and int(text) <= VERSION_MAX):
        raise InvalidInput(name, "is a version: a whole number")
    return int(text)


def coming(text: str, now: datetime) -> datetime:
    """Return a time to come, such as `10m` from now. Raises ValueError, OverflowError."""
    return times.meant_at(times.typed(text, UTC, zone, ahead=True), now, ahead=True)
