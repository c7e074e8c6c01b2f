"""Which kinds of error are ignored, as the log has it, and ignoring them.

To look costs an event of each kind that was ever ignored, whatever the number of failures: no view holds it. That is
a quarter of a second for 10,000 of them, and twice that for who looks for the first time.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec

from eventqueue.errors import LogCorrupt, LogUnavailable
from eventqueue.log.insist import Decision, insist
from eventqueue.model import ignoring
from eventqueue.model.codec import EPOCH, seal, version_in
from eventqueue.model.events import stream_of
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.ignoring import (
    CATEGORY,
    HEEDED,
    Command,
    Disregard,
    Ignore,
    Ignoring,
    Known,
    Unignore,
    known,
    problem_of,
)
from eventqueue.model.portions import runs
from eventqueue.model.readable import is_far
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append, EventLog

TOGETHER = 1000  # streams that are heeded again in one append


def ignored(log: EventLog, at: datetime) -> Known:
    """Return what is ignored at a time that is no longer past. Raises Unavailable."""
    return known(_all(log), at)


def problems(log: EventLog) -> Sequence[str]:
    """Return what cannot be read of what was ever ignored, each a sentence. Raises Unavailable."""
    return [told for stream, there in _all(log) if (told := problem_of(stream, there)) is not None]


def _look(log: EventLog, stream: str) -> Disregard:
    try:
        last = log.read_last(stream)
        if last is None or not is_far(last.version):
            return HEEDED if last is None else ignoring.evolve(last)
    except LogCorrupt:
        pass
    return _told(stream, ignoring.after(log.read_raw(stream)))


def _all(log: EventLog) -> Iterator[tuple[str, Disregard]]:
    for stream, last in log.scan_last(CATEGORY):
        there = ignoring.after([last])
        is_whole = there.problem is None and there.head.version == version_in(last)
        yield stream, there if is_whole else _told(stream, ignoring.after(log.read_raw(stream)))


def _told(stream: str, there: Disregard) -> Disregard:
    if (sentence := problem_of(stream, there)) is not None:
        warnings.warn(sentence, stacklevel=1)  # from here, whoever asked: so that it is said once
    return there


class Regarded(msgspec.Struct, frozen=True):
    """How errors of a kind stand after a command; `is_new` is False where they stood like that before."""

    fingerprint: str
    ignoring: Ignoring | None
    is_new: bool


def ignore(ground: Footing, message: str, until: datetime | None, why: str | None, actor: str) -> Regarded:
    """Have failures be ignored that are like one with this message. Raises LogUnavailable, InvalidInput."""
    of = fingerprint(message)
    told = sorted(_told_of(ground.log, of), key=lambda one: one[1].ignoring.since if one[1].ignoring else EPOCH)
    stream = told[-1][0] if told else stream_of(CATEGORY, of)  # what was said last of a kind is what holds
    there, is_new = HEEDED, False

    def decided() -> Decision:
        nonlocal there
        there = _look(ground.log, stream)
        return there.head, ignoring.decide(there, Ignore(message, until, why), ground.clock.now())

    with _in_doubt(of, "ignored"):
        append = insist(ground.log, stream, decided, actor=actor, now=ground.clock.now)
    if append is not None:
        there, is_new = ignoring.evolve(append.recorded[-1]), True
    return Regarded(of, there.ignoring, is_new)


def unignore(ground: Footing, of: str, why: str | None, actor: str) -> Regarded:
    """Have failures of a kind be heeded again. Raises LogUnavailable, InvalidInput."""
    is_new = False
    while appends := [*_unignoring(ground, of, Unignore(why), actor)]:  # until nobody was there first
        for some in runs(appends, TOGETHER):
            with _in_doubt(of, "heeded"):
                results = ground.log.append(some)
            for result in results:
                if result.error is not None:
                    raise result.error
                is_new = is_new or result.is_whole
    return Regarded(of, None, is_new)


def _unignoring(ground: Footing, of: str, command: Command, actor: str) -> Iterator[Append]:
    now = ground.clock.now()
    for stream, there in _told_of(ground.log, of):
        if events := ignoring.decide(there, command, now):
            yield Append(seal(stream, there.head, events, actor=actor, now=now))


def _told_of(log: EventLog, of: str) -> Iterator[tuple[str, Disregard]]:
    """Yield the streams that tell of a kind now: by older rules several may have been what one is by ours."""
    own = stream_of(CATEGORY, of)
    for stream, there in _all(log):
        if (there.kind == of) if there.ignoring is not None else stream == own:
            yield stream, there


@contextmanager
def _in_doubt(of: str, what: str) -> Iterator[None]:
    try:
        yield
    except LogUnavailable as error:
        told = "`queuectl errors --ignored` tells, and to ask again is safe."
        raise error.about(f"errors of kind {of} are {what}", told) from error
