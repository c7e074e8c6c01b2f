"""The attempts in a job's history: which claim each one was, and how it ended. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eventqueue.errors import Refused
from eventqueue.model.events import Cancelled, Captured, Claimed, Error, Failed, Output, Recorded, name_in
from eventqueue.model.tails import Tails
from eventqueue.mongo.outputs import Kept
from eventqueue.telling.describe import output_of
from eventqueue.worker.shell.output import text_tail


@dataclass(frozen=True)
class Attempt:
    """One attempt; `claim` names it for certain, since the number is used again after a release."""

    number: int
    claim: int
    ended_at: datetime | None = None
    output: Output | None = None
    error: Error | None = None  # what it failed with

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.ended_at is not None


def attempts(history: Sequence[Recorded]) -> list[Attempt]:
    """Return a job's attempts, in order."""
    found: list[Attempt] = []
    for recorded in history:
        if isinstance(recorded.event, Claimed):
            found.append(Attempt(recorded.event.attempt, recorded.version))
        elif found and not found[-1].is_over:  # every event that is legal while a claim is held ends it
            error = recorded.event.error if isinstance(recorded.event, Failed) else None
            found[-1] = replace(found[-1], ended_at=recorded.at, output=output_of(recorded), error=error)
    return found


def choose(history: Sequence[Recorded], number: int | None) -> Attempt:
    """Return the last attempt with this number, None: the last of all. Raises Refused if there is none."""
    found = attempts(history)
    job_id = name_in(history[0].stream)
    if not found and isinstance(history[-1].event, Cancelled):
        raise Refused(f"Job {job_id} was cancelled before it ran.")
    if not found:
        raise Refused(f"Job {job_id} has not run yet.")
    wanted = [attempt for attempt in found if number in (None, attempt.number)]
    if not wanted:
        raise Refused(f"Job {job_id} has no attempt {number}: the last one was number {found[-1].number}.")
    return wanted[-1]


def last_output(history: Sequence[Recorded], kept_of: Callable[[int], Kept | None]) -> Output | None:
    """Return what the last attempt that has ended wrote, None if that is nothing.

    `kept_of` returns the tails that are kept of a claim: all there is of an attempt that was cancelled or handed back.
    """
    ended = [attempt for attempt in attempts(history) if attempt.is_over]
    if not ended or ended[-1].output:
        return ended[-1].output if ended else None
    kept = kept_of(ended[-1].claim)
    return None if kept is None else Output(stdout=_captured(kept.stdout), stderr=_captured(kept.stderr))


def output_so_far(written: Tails | None) -> Output | None:
    """Return what an attempt that runs has written by now, None where that is not known."""
    if written is None:
        return None
    out, err = written.stdout, written.stderr
    return Output(stdout=_captured(out.kept, out.total), stderr=_captured(err.kept, err.total))


def _captured(tail: bytes, length: int | None = None) -> Captured:
    return Captured(text=text_tail(tail), length=len(tail) if length is None else length)
