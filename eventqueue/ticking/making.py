"""Making the jobs of schedules: a tick's id is made of (schedule, tick), so who is first at version 1 has made it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from eventqueue.errors import QueueError
from eventqueue.model import settings
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, stream_of
from eventqueue.model.job import Enqueue, decide
from eventqueue.model.spec import Defaults, request
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import stream_for
from eventqueue.steering import configuration
from eventqueue.ticking.evidence import foreign

BATCH = 500  # jobs in one append


class Wanted(msgspec.Struct, frozen=True):
    """A job of a schedule that is to be made, under this id."""

    schedule: Schedule
    id: str
    tick: datetime | None = None  # None: somebody wants it at once


class Made(msgspec.Struct, frozen=True):
    """What became of it: whether it was made here, and not by another before, or the error that refused it.

    `is_taken`: there is a job of this id that its schedule has not made.
    """

    wanted: Wanted
    is_new: bool = False
    is_taken: bool = False
    error: QueueError | None = None


def make(ground: Footing, wanted: Sequence[Wanted], actor: str, environ: Mapping[str, str]) -> list[Made]:
    """Make jobs, by the settings that are in force now; return what became of each, in order.

    Raises LogUnavailable where the outcome is in doubt: to ask again is safe.
    """
    defaults = settings.job_defaults(settings.resolve(configuration.stored(ground), environ), None)
    made: list[Made] = []
    for start in range(0, len(wanted), BATCH):  # each sealed only when the ones before are in the log
        made += _appended(ground, wanted[start : start + BATCH], defaults, actor)
    return _judged(ground, made)


def _appended(ground: Footing, wanted: Sequence[Wanted], defaults: Defaults, actor: str) -> list[Made]:
    now = ground.clock.now()
    made: dict[str, Made] = {}
    appends: dict[str, Append] = {}
    for nth, one in enumerate(wanted):
        try:
            appends[one.id] = _append(one, nth, defaults, actor, now)
        except QueueError as error:  # of this one alone: it was checked by another eventqueue, perhaps
            made[one.id] = Made(one, error=error)
    sent = [one for one in wanted if one.id in appends]
    if sent:
        results = ground.log.append(list(appends.values()))
        made |= {one.id: Made(one, is_new=r.is_whole, error=r.error) for one, r in zip(sent, results, strict=True)}
    return [made[one.id] for one in wanted]


def _judged(ground: Footing, made: list[Made]) -> list[Made]:
    """Return what was made, with what is taken marked as that."""
    there = [(one.wanted.schedule, one.wanted.id) for one in made if not one.is_new and one.error is None]
    taken = foreign(ground.log, there)
    return [replace(one, is_taken=one.wanted.id in taken) for one in made]


def _append(wanted: Wanted, nth: int, defaults: Defaults, actor: str, now: datetime) -> Append:
    schedule = wanted.schedule
    assert schedule.definition is not None
    told = {"id": wanted.id, "correlation": stream_for(schedule.name)}
    asked = request({**schedule.definition.fields, **told}, defaults)
    events = decide(None, Enqueue(asked, nth), now)
    stream = stream_of("job", wanted.id)
    return Append(seal(stream, EMPTY, events, actor=actor, now=now, cause=schedule.set_id))
