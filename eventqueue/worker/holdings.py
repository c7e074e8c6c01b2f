"""The claims that a worker holds: what it holds, it answers for until the log has its outcome."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eventqueue.model.job import Job
from eventqueue.worker.running.reports import Ended


@dataclass(slots=True)
class Held:
    """A claim of this worker: running, or with an outcome not yet settled."""

    job: Job  # as its claim left it
    has_run: bool = False
    ended: Ended | None = None
    is_over: bool = False  # the log has gone on without it: what comes of it is of no use
    handed_back: str | None = None  # why it is being killed, to be released

    @property
    def key(self) -> str:
        """The run's name with the launcher."""
        return key_of(self.job)

    def give_up(self, why: str) -> None:
        """Note that it was not even started: it is handed back."""
        self.ended, self.handed_back = Ended(key=self.key, killed=True), why


def key_of(job: Job) -> str:
    """Return what the run of a job's claim is called."""
    return f"{job.id}/{job.claim}"


def job_of(key: str) -> str:
    """Return the id of the job whose run is called so."""
    return key.rpartition("/")[0]


class Holdings:
    """What one worker holds, in up to `slots` that run."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    @property
    def jobs(self) -> set[str]:
        """The ids of the jobs that are held."""
        return {held.job.id for held in self}

    @property
    def running(self) -> Sequence[Held]:
        """Those that have not ended."""
        return [held for held in self if held.ended is None]

    @property
    def free(self) -> int:
        """How many more may run."""
        return self._slots - sum(held.ended is None for held in self)

    def add(self, job: Job) -> Held:
        """Hold a job as its claim left it."""
        held = Held(job)
        self._held[held.key] = held
        return held

    def remove(self, held: Held) -> None:
        """Let go of a claim; one that is not held is none's concern."""
        self._held.pop(held.key, None)

    def began(self, key: str) -> None:
        """Note that a run has begun."""
        if key in self._held:
            self._held[key].has_run = True

    def ended(self, ended: Ended) -> Held | None:
        """Note the end of a run; return the claim where that is of no use any more, and not held from now on."""
        held = self._held[ended.key]
        held.ended = ended
        if not (held.is_over and ended.killed):
            return None
        del self._held[ended.key]  # killed because its claim had ended: that story is told already
        return held

    def lost(self, gone: Sequence[Held]) -> Sequence[Held]:
        """Note that the log has gone on without these claims; return those whose runs are to be killed for it."""
        running = [held for held in gone if held.ended is None and not held.is_over]
        for held in running:
            held.is_over = True
        return running

    def hand_back(self, why: str) -> Sequence[Held]:
        """Have all that runs handed back once it is killed, which is for the caller to order; return what is new."""
        running = [held for held in self.running if held.handed_back is None and not held.is_over]
        for held in running:
            held.handed_back = why
        return running
