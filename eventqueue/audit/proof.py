"""Proving a job: its history as stored, and its view against the fold of that history."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from eventqueue.audit.rules import Finding, audit
from eventqueue.model.codec import decode
from eventqueue.model.events import stream_of
from eventqueue.model.job import Job, fold
from eventqueue.ports.views import HELD_FOR_NOTHING, Compared, Views

AT_ONCE = 500  # jobs whose views are read together


def verify_jobs(
    views: Views, histories: Iterable[tuple[str, Sequence[bytes]]], read: Callable[[str], Sequence[bytes]]
) -> Iterator[tuple[str, Sequence[Finding]]]:
    """Yield each stream with what is wrong with it, as it is stored, or with the view of its job.

    `read`: a stream as it is stored by now, for a job that has moved on since.
    """
    waiting, held = iter(histories), dict[str, tuple[str, Compared]]()
    while some := list(islice(waiting, AT_ONCE)):
        audited = [(stream, *audit(stream, history)) for stream, history in some]
        sound = [job for _, job, findings in audited if job is not None and not findings]
        compared = _compare(views, sound, partial(_fold_to, dict(some), read))
        for stream, job, findings in audited:
            if findings or job is None:
                yield stream, findings
            elif compared[job.id].held_in is not None:  # which may pass in a moment: it is looked at again in the end
                held[job.id] = stream, compared[job.id]
            else:
                yield stream, _findings(stream, compared[job.id].problems)
    # Where nobody projects, and this process may not, the end of a pause is not shown yet: that is no finding.
    is_fresh = bool(held) and views.refresh().is_fresh
    left = views.held_for_nothing({job: one.held_in or "" for job, (_, one) in held.items()}) if is_fresh else ()
    for job_id, (stream, one) in held.items():
        yield stream, _findings(stream, (*one.problems, *([HELD_FOR_NOTHING] if job_id in left else [])))


def _findings(stream: str, problems: Iterable[str]) -> Sequence[Finding]:
    return [Finding(stream, 0, problem) for problem in problems]


def _compare(views: Views, sound: Sequence[Job], fold_to: Callable[[str, int], Job | None]) -> Mapping[str, Compared]:
    compared = dict(views.compare(sound, fold_to)) if sound else {}
    behind = [job for job in sound if compared[job.id].is_behind]
    if not behind:
        return compared
    if not views.refresh().is_fresh:  # as for who may only read, where nobody projects: they need not have seen it yet
        return {**compared, **{job.id: Compared() for job in behind}}
    return {**compared, **views.compare(behind, fold_to)}


def _fold_to(
    histories: Mapping[str, Sequence[bytes]], read: Callable[[str], Sequence[bytes]], job_id: str, version: int
) -> Job | None:
    stream = stream_of("job", job_id)
    history = histories[stream] if version <= len(histories[stream]) else read(stream)
    return audit(stream, history[:version])[0]


def states(history: Sequence[bytes]) -> Iterator[Job]:
    """Yield the job after each event of its stored history."""
    job: Job | None = None
    for raw in history:
        job = fold([decode(raw)], job)
        assert job is not None
        yield job
