"""The names of what schedules make: a tick's job is known by (schedule, tick), whoever makes it. Pure."""

import re
from datetime import UTC, datetime

from eventqueue.errors import InvalidInput
from eventqueue.model.events import stream_of
from eventqueue.model.fields import check_name
from eventqueue.model.figures import moment
from eventqueue.schedules.events import CATEGORY

NAME_MAX = 100  # characters: the ids of its jobs have the time behind it
_TICK = re.compile(r"(?P<name>.+):(?P<at>\d{8}T\d{6}(\.\d{3})?Z)")


def check_schedule(name: str) -> str:
    """Return the name of a schedule that is one. Raises InvalidInput."""
    check_name(name, "name")
    if len(name) > NAME_MAX:
        raise InvalidInput("name", f"has {len(name)} characters; {NAME_MAX} are the most, since its jobs' ids begin so")
    return name


def stream_for(name: str) -> str:
    """Return the stream of a schedule, which is also the `correlation` of its jobs."""
    return stream_of(CATEGORY, name)


def job_id(name: str, tick: datetime) -> str:
    """Return the id of a tick's job, such as `nightly:20261129T010000Z`: it can be made but once."""
    at = tick.astimezone(UTC)
    ms = f".{at.microsecond // 1000:03}" if at.microsecond else ""
    return f"{name}:{at:%Y%m%dT%H%M%S}{ms}Z"


def fresh_job_id(name: str, chance: bytes) -> str:
    """Return the id of a job that somebody wants at once: no tick's."""
    return f"{name}:{chance.hex()}"


def is_like_a_tick(job: str) -> bool:
    """Whether an id has the form of that of a tick's job, of whatever schedule."""
    return _TICK.fullmatch(job) is not None


def tick_of(job: str, correlation: str | None) -> tuple[str, datetime | None] | None:
    """Return which schedule has made a job and of what tick, None where it was triggered; None if none has made it."""
    if correlation is None or not correlation.startswith(f"{CATEGORY}-"):
        return None
    name = correlation.removeprefix(f"{CATEGORY}-")
    found = _TICK.fullmatch(job)
    try:
        at = None if found is None or found["name"] != name else datetime.fromisoformat(found["at"])
    except ValueError:  # somebody else's id, which only looks like one
        at = None
    return name, at


def told(job: str, correlation: str | None) -> str | None:
    """Return in words which schedule has made a job and of what tick, None if none has."""
    made = tick_of(job, correlation)
    if made is None:
        return None
    name, at = made
    return f"schedule {name}, triggered" if at is None else f"schedule {name}, tick of {moment(at, _grain(at))}"


def _grain(at: datetime) -> str:
    return "milliseconds" if at.microsecond else "seconds"
