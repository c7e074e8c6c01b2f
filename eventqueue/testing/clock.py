"""A clock that stands still until it is advanced."""

from datetime import UTC, datetime, timedelta

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import to_ms


class TestClock:
    """The clock of a TestQueue: at first the real time, or `start`, and from then on what the test makes of it."""

    __test__ = False  # for pytest, by its name

    def __init__(self, start: datetime | None = None) -> None:
        self._now = _checked("now", datetime.now(UTC) if start is None else start)

    def now(self) -> datetime:
        """Return the time, UTC, in whole milliseconds."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Let so much time pass, and return what time it is then. Raises InvalidInput for less than none."""
        if by < timedelta(0):
            raise InvalidInput("by", "must not be less than nothing: a queue's time never runs backwards")
        self._now = to_ms(self._now + by)
        return self._now

    def advance_to(self, moment: datetime) -> datetime:
        """Let time pass until `moment`; where that is past already none does. Raises InvalidInput without a zone."""
        self._now = max(self._now, _checked("moment", moment))
        return self._now


def _checked(field: str, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InvalidInput(field, "must have a time zone, such as datetime.UTC")
    return to_ms(moment.astimezone(UTC))
