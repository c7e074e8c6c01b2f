"""Proving a job: its history as stored, and its view against the fold of that history."""

from collections.abc import Iterator, Sequence

from eventqueue.audit import Finding, audit
from eventqueue.codec import alike, decode
from eventqueue.errors import JobParked
from eventqueue.job import Job, fold
from eventqueue.views import Views


def verify_job(views: Views, stream: str, history: Sequence[bytes]) -> list[Finding]:
    """Return what is wrong with `history` (the stream as stored), or with the view of its job."""
    job, findings = audit(stream, history)
    if findings or job is None:
        return findings
    return [Finding(stream, 0, problem) for problem in _compare(views, job)]


def _compare(views: Views, job: Job) -> Iterator[str]:
    try:
        shown = views.get(job.id)
        if (shown is None or shown.version < job.version) and views.refresh().is_fresh:
            shown = views.get(job.id)
    except JobParked as error:
        yield str(error)
        return
    if shown is None:
        yield "the jobs view does not have it"
    elif shown.version < job.version:
        yield f"the jobs view is at version {shown.version}, the log at {job.version}"
    elif shown.version == job.version:  # a later one has moved on since the history was read
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
