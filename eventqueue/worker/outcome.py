"""What an ended run means for its job: the command that settles the claim, and the output to keep. Pure."""

from collections.abc import Collection
from hashlib import sha256

from eventqueue.model.codec import SHOWN_MAX
from eventqueue.model.events import Call, Captured, Error, FailReason, Output
from eventqueue.model.job import Complete, Discard, Fail, Job, Release, Settle
from eventqueue.mongo.outputs import Kept
from eventqueue.system.process import signal_name
from eventqueue.tasks.outcomes import Discarded, Outcome, Raised, Returned, Snoozed
from eventqueue.worker import crashes
from eventqueue.worker.running.reports import Ended, Written
from eventqueue.worker.shell.output import text_tail


def settle(
    job: Job,
    ended: Ended,
    *,
    chance: float,
    handed_back: str | None,
    has_run: bool,
    fatal: Collection[int] = (),
) -> Settle:
    """Return the command that settles `job`'s claim after its run ended.

    `chance` in 0..1 picks the retry's jitter; `handed_back` is the reason if it was killed to be released;
    `has_run`: its process had been started; `fatal`: the exit codes that no retry mends.
    """
    assert job.claim is not None
    if isinstance(ended.outcome, Returned | Snoozed | Discarded) and not ended.timed_out:
        return _of_task(job.claim, ended, ended.outcome, chance)  # it came to its end, however it was asked to stop
    if handed_back is not None and ended.killed:
        return Release(claim=job.claim, reason=handed_back)
    if ended.lease_lost and not has_run:  # an attempt that never was is not counted
        return Release(claim=job.claim, reason="its worker's lease ended before it could start")
    if ended.no_runner:
        return Release(claim=job.claim, reason="its worker has nothing that could run it")
    if ended.unharmed is not None:
        return Release(claim=job.claim, reason=ended.unharmed)
    output = _output(ended)
    if ended.outcome is not None and not ended.timed_out:
        return _of_task(job.claim, ended, ended.outcome, chance)
    if ended.exit_code == 0 and not ended.timed_out:
        return Complete(claim=job.claim, exit_code=0, duration=_duration(ended), output=output)
    reason, error = _failure(job, ended, has_run=has_run)
    return Fail(
        is_final=error.type == "exit-code" and ended.exit_code in fatal,
        claim=job.claim,
        reason=reason,
        error=error,
        chance=chance,
        exit_code=ended.exit_code,
        duration=_duration(ended),
        output=output,
    )


def unstorable(job: Job, problem: str) -> Fail:
    """Return the command that settles a claim of which something came that the log cannot hold: no retry mends that."""
    assert job.claim is not None
    told = problem.encode(errors="backslashreplace").decode()[:SHOWN_MAX]
    error = Error(type="not-storable", message=f"what came of it cannot be kept: {told}")
    return Fail(claim=job.claim, reason=FailReason.ERROR, error=error, is_final=True, chance=0.0)


def _of_task(claim: int, ended: Ended, outcome: Outcome, chance: float) -> Settle:
    output, duration = _output(ended), _duration(ended)
    match outcome:
        case Returned(value=value):
            return Complete(claim=claim, value=value, duration=duration, output=output)
        case Raised(error=error, is_final=is_final, delay=delay):
            return Fail(
                claim=claim,
                reason=FailReason.ERROR,
                error=error,
                is_final=is_final,
                delay=delay,
                chance=chance,
                duration=duration,
                output=output,
            )
        case Snoozed(delay=delay):
            return Release(claim=claim, reason="it snoozes", delay=delay)
        case Discarded(why=why):
            return Discard(claim=claim, why=why)


def kept(job: Job, ended: Ended) -> Kept | None:
    """Return the output tails to store for this attempt, None if it wrote nothing."""
    return end_of(job, ended) if ended.stdout.total or ended.stderr.total else None


def end_of(job: Job, ended: Ended) -> Kept:
    """Return the output tails of this attempt, empty ones too."""
    assert job.claim is not None
    return Kept(
        job_id=job.id, claim=job.claim, attempt=job.attempts, stdout=ended.stdout.tail, stderr=ended.stderr.tail
    )


def _failure(job: Job, ended: Ended, *, has_run: bool) -> tuple[FailReason, Error]:
    if ended.timed_out:
        return FailReason.TIMEOUT, Error(
            type="timeout", message=f"ran longer than its timeout of {job.timeout:g} s", traceback=_where(ended)
        )
    if ended.lease_lost:
        return FailReason.WORKER_LOST, Error(
            type="worker-lost", message="killed at the end of its worker's lease: the database had not answered"
        )
    if ended.problem is not None:
        return FailReason.CRASHED if has_run else FailReason.ERROR, Error(
            type="crashed" if has_run else "not-started", message=ended.problem, traceback=_crashed_in(job, ended)
        )
    if ended.signal is not None:
        return FailReason.ERROR, Error(type="signal", message=f"killed by {signal_name(ended.signal)}")
    return FailReason.ERROR, Error(type="exit-code", message=_exit_message(ended))


def _where(ended: Ended) -> str | None:
    """Return where a task was when it was asked to stop, as its process has told."""
    return ended.outcome.error.traceback if isinstance(ended.outcome, Raised) else None


def _crashed_in(job: Job, ended: Ended) -> str | None:
    """Return where the process of a task crashed; what a command writes is none of ours."""
    return crashes.where(ended.stderr.tail) if isinstance(job.run, Call) else None


def _exit_message(ended: Ended) -> str:
    lines = ended.stderr.tail.decode(errors="backslashreplace").strip().splitlines()
    told = f": {lines[-1][:200]}" if lines else ""
    return f"exit code {ended.exit_code}{told}"


def _duration(ended: Ended) -> float:
    return round(ended.duration_s, 3)


def _output(ended: Ended) -> Output | None:
    if not ended.stdout.total and not ended.stderr.total:
        return None
    return Output(stdout=_captured(ended.stdout), stderr=_captured(ended.stderr))


def _captured(stream: Written) -> Captured:
    if not stream.total:
        return Captured()
    return Captured(text=text_tail(stream.tail), length=stream.total, sha256=sha256(stream.tail).digest())
