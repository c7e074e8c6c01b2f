"""Proving a job: its history as stored, and its view against the fold of that history."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from eventqueue.audit.rules import Finding, audit
from eventqueue.model.codec import alike, decode
from eventqueue.model.job import Job, fold
from eventqueue.ports.views import Shown, Views

AT_ONCE = 500  # jobs whose views are read together


def verify_jobs(
    views: Views, histories: Iterable[tuple[str, Sequence[bytes]]]
) -> Iterator[tuple[str, Sequence[Finding]]]:
    """Yield each stream with what is wrong with it, as it is stored, or with the view of its job."""
    waiting = iter(histories)
    while some := list(islice(waiting, AT_ONCE)):
        audited = [(stream, *audit(stream, history)) for stream, history in some]
        sound = [job for _, job, findings in audited if job is not None and not findings]
        shown, unseen = _shown(views, sound)
        for stream, job, findings in audited:
            if findings or job is None:
                yield stream, findings
            else:
                problems = () if job.id in unseen else _compare(shown.get(job.id), job)
                yield stream, [Finding(stream, 0, problem) for problem in problems]


def _shown(views: Views, jobs: Sequence[Job]) -> tuple[Mapping[str, Shown], Collection[str]]:
    """Return these jobs as the views have them, and which of them the views need not have seen so far yet."""
    shown = dict(views.get_many([job.id for job in jobs]))
    behind = [job.id for job in jobs if _is_behind(shown.get(job.id), job)]
    if not behind:
        return shown, ()
    if not views.refresh().is_fresh:  # as for who may only read, where nobody projects
        return shown, set(behind)
    return {**shown, **views.get_many(behind)}, ()


def _is_behind(shown: Shown | None, job: Job) -> bool:
    return shown is None or (isinstance(shown, Job) and shown.version < job.version)


def _compare(shown: Shown | None, job: Job) -> Iterator[str]:
    if shown is None:
        yield "the jobs view does not have it"
    elif not isinstance(shown, Job):
        yield str(shown)
    elif shown.version < job.version:
        yield f"the jobs view is at version {shown.version}, the log at {job.version}"
    elif shown.version == job.version and shown != job:  # a later one has moved on since the history was read
        for field in Job.__struct_fields__:
            if not alike(getattr(shown, field), getattr(job, field)):
                yield f"the jobs view has {field} {getattr(shown, field)!r}, the log {getattr(job, field)!r}"


def states(history: Sequence[bytes]) -> Iterator[Job]:
    """Yield the job after each event of its stored history."""
    job: Job | None = None
    for raw in history:
        job = fold([decode(raw)], job)
        assert job is not None
        yield job
