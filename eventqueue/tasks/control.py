"""What a task may raise to say what is to become of its job."""

from datetime import datetime, timedelta


class Directive(Exception):
    """What a task says of its own job. Not an error of eventqueue's: it ends in the job's history."""


class Retry(Directive):
    """The attempt failed: try again after a time of the task's choosing, if a retry is left."""

    def __init__(self, reason: str = "the task asks for a retry", *, after: timedelta | float | None = None) -> None:
        super().__init__(reason)
        self.after = None if after is None else _span(after)


class Snooze(Directive):
    """Nothing was done: run later. No attempt is used."""

    def __init__(self, *, until: datetime | None = None, after: timedelta | float | None = None) -> None:
        if (until is None) == (after is None):
            raise TypeError("Snooze takes one of the two: until=, a datetime, or after=, a timedelta or seconds")
        if until is not None and until.tzinfo is None:
            raise ValueError("Snooze(until=…) needs a time zone, such as datetime.UTC")
        super().__init__(f"snoozes until {until}" if after is None else f"snoozes for {after}")
        self._until = until
        self._after = None if after is None else _span(after)

    def delay(self, now: datetime) -> timedelta:
        """Return how long from `now` on."""
        if self._after is not None:
            return self._after
        assert self._until is not None
        return max(timedelta(0), self._until - now)


class Discard(Directive):
    """The job is to be done no more, and that is no failure: it ends as cancelled, with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Fail(Directive):
    """The job is dead at once: no retry would mend it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


def _span(given: timedelta | float) -> timedelta:
    span = given if isinstance(given, timedelta) else timedelta(seconds=given)
    return max(timedelta(0), span)
