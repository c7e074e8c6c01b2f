"""Which buckets a worker takes its candidates from, and when it may take from another's.

Buckets are spread over the live workers of a queue by rendezvous hashing, without a word between them; ownership
yields only to evidence that a job waits behind an owner without room.
"""

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b

from eventqueue.codec import BUCKETS, bucket_of
from eventqueue.job import Job

SEEN_TWICE_S = 1.0
SEEN_TWICE_URGENT_S = 0.25


def owned(worker: str, live: Collection[str]) -> frozenset[int]:
    """Return the buckets of `worker` among the `live` ones (it is always one of them).

    Rendezvous hashing (Thaler and Ravishankar, 1996): a bucket belongs to whoever has the highest weight for it, so
    that one worker's coming or going moves no bucket between others.
    """
    all_ = {worker, *live}
    return frozenset(bucket for bucket in range(BUCKETS) if max(all_, key=lambda one: _weight(one, bucket)) == worker)


def _weight(worker: str, bucket: int) -> bytes:
    return blake2b(f"{worker}/{bucket}".encode(), digest_size=8).digest()


class Ownership:
    """One worker's buckets: its own, and those it adopted until the next heartbeat."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._own = frozenset(range(BUCKETS))
        self._adopted: frozenset[int] = frozenset()
        self._seen: dict[str, tuple[int, float]] = {}  # job -> version, and when it was first seen waiting

    @property
    def buckets(self) -> frozenset[int]:
        """The buckets to claim from now."""
        return self._own | self._adopted

    def heartbeat(self, live: Collection[str]) -> bool:
        """Spread the buckets over the live workers again; adoptions end. True if the buckets changed."""
        before = self.buckets
        self._own, self._adopted = owned(self._worker, live), frozenset()
        return self.buckets != before

    def overdue(self, heads: Sequence[Job], own_head: Job | None, now: float) -> list[Job]:
        """Return those of the queues' first ready jobs that wait behind another owner, seen twice long enough apart.

        `heads` are of all queues at once: who is not among them is forgotten. `own_head` is the next job of one's own
        buckets; `now` is monotonic, in seconds.
        """
        foreign = [job for job in heads if bucket_of(job.stream) not in self.buckets]
        found = []
        for job in foreign:
            version, since = self._seen.get(job.id, (0, now))
            if version != job.version:
                since = now
            self._seen[job.id] = (job.version, since)
            urgent = own_head is None or job.priority > own_head.priority
            if now - since >= (SEEN_TWICE_URGENT_S if urgent else SEEN_TWICE_S):
                found.append(job)
        self._forget(foreign)
        return found

    def _forget(self, still: Iterable[Job]) -> None:
        self._seen = {job.id: self._seen[job.id] for job in still}

    def adopt(self, jobs: Iterable[Job]) -> None:
        """Claim from these jobs' buckets too, until the next heartbeat: their owner has no room."""
        self._adopted |= {bucket_of(job.stream) for job in jobs}
