"""What may be asked of a schedule: in code, by a command, or by a task that it stands on. Pure."""

from collections.abc import Mapping
from typing import Any

from eventqueue.errors import InvalidInput
from eventqueue.model.names import one_of
from eventqueue.schedules.events import Missed, Overlap
from eventqueue.schedules.schedule import Definition


def definition(
    fields: Mapping[str, Any], *, cron: str | None, every: float | None, tz: str | None, missed: str, overlap: str
) -> Definition:
    """Return a schedule as it is asked for; its times are not looked at. Raises InvalidInput."""
    found = Definition(
        fields=dict(fields),
        missed=_policy(Missed, missed, "missed"),
        overlap=_policy(Overlap, overlap, "overlap"),
        cron=None if cron is None else " ".join(cron.split()),
        tz=tz,
        every=None if every is None else float(every),
    )
    check_together(found)
    return found


def check_together(found: Definition) -> None:
    """Raise InvalidInput for what says in two ways, or in none, when its ticks are, or what becomes of them."""
    if (found.cron is None) == (found.every is None):
        raise InvalidInput("cron", "must be given, or else every: one of them says when the ticks are")
    if found.tz is not None and found.every is not None:
        raise InvalidInput("tz", "goes with cron: a span of time is the same in all zones")
    if found.missed is Missed.ALL and found.overlap is Overlap.SKIP:
        raise InvalidInput("missed", "cannot be all where overlap is skip: the jobs of all would overlap")


def _policy(kind: Any, value: str, field: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(field, f"is no policy{one_of('they', value, list(kind))}") from None
