"""What jobs write, while they run: looked at where they run, from wherever one is.

An attempt's end and what was written by then stand in the log and in what is kept of it; what comes before that is
sent by its worker while somebody looks. So who follows misses what was sent in vain, but no end.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from eventqueue.api.connected import Connected
from eventqueue.api.jobs import Jobs
from eventqueue.errors import AccessDenied, Refused, Unavailable
from eventqueue.model.events import (
    Cancelled,
    Claimed,
    Completed,
    Error,
    Event,
    Failed,
    Output,
    Recorded,
    Released,
    name_in,
    type_of,
)
from eventqueue.model.job import FINAL, Job, State, fold
from eventqueue.model.progress import ByClaim
from eventqueue.model.tails import News, Tail, Tails, news
from eventqueue.ports.finder import Signal, SignalFeed, Watched

LOOK_S = 0.25  # between two looks at what was sent, and at the log
RENEW_S = 2.0
UNSEEN_S = 3 * RENEW_S  # a worker that is asked has answered by then
SILENT_S = 5.0  # an election is over by then
ASK_S = 1.5  # for who only wants to know what there is
ASK_AGAIN_S = 0.05


class AttemptBegan(msgspec.Struct, frozen=True, tag="began"):
    """An attempt began. What comes up to its end is of it."""

    attempt: int
    claim: int
    worker: str
    host: str


class AttemptWrote(msgspec.Struct, frozen=True, tag="wrote"):
    """It wrote `data` to `stream`, after `lost` other bytes that are kept nowhere any more."""

    stream: str
    data: bytes
    lost: int = 0


class AttemptUnseen(msgspec.Struct, frozen=True, tag="unseen"):
    """What it writes cannot be seen for now, and why: a sentence for people. Its end will be."""

    why: str


class AttemptEnded(msgspec.Struct, frozen=True, tag="ended"):
    """It has ended, as the event of this type says."""

    by: str
    error: Error | None = None


Followed = AttemptBegan | AttemptWrote | AttemptUnseen | AttemptEnded
"""What whoever follows a job's output is told."""


class _Run:
    """An attempt that is followed."""

    def __init__(self, job_id: str, recorded: Recorded, claimed: Claimed) -> None:
        self.attempt: ByClaim = job_id, recorded.version
        self.claimed = claimed
        self.began = AttemptBegan(claimed.attempt, recorded.version, claimed.worker, claimed.host)
        self.number = 0  # of what was read of it last
        self.renew_at = 0.0
        self.unseen_at = time.monotonic() + UNSEEN_S
        self._totals = {"stdout": 0, "stderr": 0}

    @property
    def watched(self) -> Watched:
        job_id, claim = self.attempt
        return Watched(self.claimed.worker, job_id, claim)

    def seen(self, stdout: Tail, stderr: Tail) -> Iterator[AttemptWrote]:
        """Yield what is new."""
        for stream, tail in (("stdout", stdout), ("stderr", stderr)):
            match news(self._totals[stream], tail):
                case News(text, lost) if text or lost:
                    self._totals[stream] = tail.total
                    yield AttemptWrote(stream, text, lost)


class _Silence:
    """For how long the database does not answer: told once, and anew where it falls silent again."""

    def __init__(self) -> None:
        self._tell_at: float | None = None

    def heard(self) -> None:
        """It has answered."""
        self._tell_at = None

    def asked_in_vain(self) -> Iterator[AttemptUnseen]:
        """Yield that it is silent, once that is worth a word."""
        now = time.monotonic()
        if self._tell_at is None:
            self._tell_at = now + SILENT_S
        if now >= self._tell_at:
            self._tell_at = float("inf")
            yield AttemptUnseen("the database does not answer; it is asked again and again, until it does")


class Following:
    """Follows what jobs write; see Queue."""

    def __init__(self, connection: Connected, jobs: Jobs, signals: SignalFeed) -> None:
        self._connection = connection
        self._jobs = jobs
        self._signals = signals

    def so_far(self, job_id: str) -> Tails | None:
        """See Queue.output_so_far."""
        job = self._jobs.get(job_id)
        if job.state is not State.PROCESSING or job.claim is None or not self._is_live(job.worker):
            return None
        run, give_up = (job.id, job.claim), time.monotonic() + ASK_S
        with suppress(AccessDenied):  # then there is what others look at
            while not self._connection.watches.look(run) and time.monotonic() < give_up:
                # Again and again: what has just been claimed has not begun yet, perhaps.
                self._signals.publish(Signal(watched=(Watched(job.worker or "", *run),)))
                time.sleep(ASK_AGAIN_S)
        return self._sent(run)

    def _sent(self, attempt: ByClaim, after: int = 0) -> Tails | None:
        """Return what was sent of an attempt, None where there is nothing new, or it may not be read."""
        with suppress(AccessDenied):
            return self._connection.watches.read(attempt, after)
        return None

    def _is_live(self, worker: str | None) -> bool:
        found = self._connection.incarnations.get([worker or ""]).get(worker or "")
        return found is not None and found.is_live

    def follow(self, job_id: str, number: int | None) -> Iterator[Followed | None]:
        """See Queue.follow_output."""
        new: Sequence[Recorded] = self._jobs.history(job_id, None, None)
        stream = new[0].stream
        begin = _begin(new, number)
        job, new = fold(new[:begin]), new[begin:]
        version, run, silence = begin, None, _Silence()
        while True:
            for recorded in new:
                job, version = fold([recorded], job), recorded.version
                if isinstance(recorded.event, Claimed):
                    if number in (None, recorded.event.attempt):
                        run = _Run(name_in(stream), recorded, recorded.event)
                        yield run.began
                elif run is not None:
                    yield from self._end(run, recorded)
                    if number is not None and not isinstance(recorded.event, Released):  # its number is used again then
                        return
                    run = None
            assert job is not None
            if job.state in FINAL:
                _check(job, number)
                return
            if run is not None:
                yield from self._look(run)
            yield None
            time.sleep(LOOK_S)
            try:
                new = self._connection.ground.log.read(stream, version)
                silence.heard()
            except Unavailable:  # an election, perhaps: it is waited out
                new = ()
                yield from silence.asked_in_vain()

    def _look(self, run: _Run) -> Iterator[Followed]:
        with suppress(Unavailable):
            if time.monotonic() >= run.renew_at:
                yield from self._renew(run)
            if (found := self._sent(run.attempt, run.number)) is not None:
                run.number = found.number
                yield from run.seen(found.stdout, found.stderr)

    def _renew(self, run: _Run) -> Iterator[AttemptUnseen]:
        run.renew_at = time.monotonic() + RENEW_S
        try:
            is_sent = self._connection.watches.look(run.attempt)
        except AccessDenied:
            run.renew_at = float("inf")
            yield AttemptUnseen("this database user may not write, and so not ask its worker for it")
            return
        if is_sent:
            run.unseen_at = time.monotonic() + UNSEEN_S
            return
        self._signals.publish(Signal(watched=(run.watched,)))
        if time.monotonic() >= run.unseen_at:
            run.unseen_at = float("inf")  # said once
            yield self._unseen(run.claimed)

    def _unseen(self, claimed: Claimed) -> AttemptUnseen:
        where = f"worker {claimed.worker} on {claimed.host}"
        if self._is_live(claimed.worker):
            return AttemptUnseen(f"{where} does not answer, or is of an older version")
        return AttemptUnseen(f"{where} is silent, and lost perhaps: then another takes its jobs over")

    def _end(self, run: _Run, recorded: Recorded) -> Iterator[Followed | None]:
        """Yield the rest of what an attempt wrote, and its end."""
        event = recorded.event
        while isinstance(event, Cancelled) and self._is_ending(run):  # its process is being ended
            yield from self._look(run)
            yield None
            time.sleep(LOOK_S)
        with suppress(Unavailable):
            if (sent := self._sent(run.attempt, run.number)) is not None:
                yield from run.seen(sent.stdout, sent.stderr)
            yield from run.seen(*self._kept(run, event))
        yield AttemptEnded(type_of(event), event.error if isinstance(event, Failed) else None)

    def _is_ending(self, run: _Run) -> bool:
        with suppress(Unavailable):
            return self._jobs.ending(run.attempt[0]) is not None
        return False

    def _kept(self, run: _Run, event: Event) -> Sequence[Tail]:
        """Return what is kept of what an attempt wrote, and otherwise what its event has of it."""
        output = event.output if isinstance(event, Completed | Failed) else None
        kept = None
        with suppress(AccessDenied):  # its event has some of it
            kept = self._connection.outputs.get(*run.attempt)
        ends = (b"", b"") if kept is None else (kept.stdout, kept.stderr)
        return [_tail(end, output, name) for end, name in zip(ends, ("stdout", "stderr"), strict=True)]


def _tail(kept: bytes, output: Output | None, name: str) -> Tail:
    if output is None:
        return Tail(kept, len(kept))
    captured = getattr(output, name)
    end = kept or captured.text.encode(errors="surrogatepass")
    return Tail(end, max(captured.length, len(end)))


def _begin(history: Sequence[Recorded], number: int | None) -> int:
    """Return after how many events the attempt begins that is asked for, or the last one; after all where none is."""
    claims = (
        place
        for place, recorded in enumerate(history)
        if isinstance(recorded.event, Claimed) and number in (None, recorded.event.attempt)
    )
    return max(claims, default=len(history))


def _check(job: Job, number: int | None) -> None:
    """Raise Refused where a job that has ended has no attempt of this number."""
    if number is not None:
        raise Refused(
            f"Job {job.id} is {job.state} and has no attempt {number}: the last one was number {job.attempts}."
        )
