"""Which buckets a worker takes its candidates from, and when it may take from another's.

Queue by queue, buckets are spread over the live workers that serve it by rendezvous hashing, without a word between
them; ownership yields only to evidence that a job waits behind an owner without room.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b

from eventqueue.model.codec import BUCKETS, bucket_of
from eventqueue.model.job import Job
from eventqueue.ports.finder import Share

KNOWN_MAX = 10_000  # queues of which is remembered what is one's own
SEEN_TWICE_S = 1.0
SEEN_TWICE_URGENT_S = 0.25
# Queues that other workers name and share with this one: how differently at most. Each way is a part of every question
# for candidates; where there are more, two may go for one job at times, and the log decides.
WAYS_MAX = 32
TURNS = 2.0  # how much longer than the first the last of many workers waits


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
    """One worker's buckets of each queue: its own, and those it adopted until the next heartbeat."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._live: Mapping[str, Sequence[str]] = {}
        self._shares: dict[frozenset[str], frozenset[int]] = {}  # of those who serve a queue -> one's own buckets
        self._adopted: dict[str, frozenset[int]] = {}
        self._buckets: dict[str, frozenset[int]] = {}  # queue -> what is one's own of it, until that may be otherwise
        self._share: Share | None = None  # likewise
        self._seen: dict[str, tuple[int, float]] = {}  # job -> version, and when it was first seen waiting

    def buckets(self, queue: str) -> frozenset[int]:
        """Return the buckets of `queue` to claim from now."""
        if queue not in self._buckets:
            if len(self._buckets) >= KNOWN_MAX:
                self._buckets.clear()
            self._buckets[queue] = self._spread(queue) | self._adopted.get(queue, frozenset())
        return self._buckets[queue]

    def _spread(self, queue: str) -> frozenset[int]:
        return self._own(frozenset(worker for worker, queues in self._live.items() if not queues or queue in queues))

    def _own(self, servers: frozenset[str]) -> frozenset[int]:
        if servers not in self._shares:
            self._shares[servers] = owned(self._worker, servers)
        return self._shares[servers]

    def share(self) -> Share:
        """Return what to claim from now of all queues."""
        if self._share is None:
            # What workers of named queues serve, or was adopted, is spread otherwise: all the rest alike.
            own = self._own(frozenset(worker for worker, queues in self._live.items() if not queues))
            named = {queue: self._spread(queue) for queues in self._live.values() for queue in queues}
            if len({*named.values()}) > WAYS_MAX:
                named.clear()
            spread = {queue: named.get(queue, own) for queue in named.keys() | self._adopted.keys()}
            mine = {queue: buckets | self._adopted.get(queue, frozenset()) for queue, buckets in spread.items()}
            self._share = Share(None, own, {queue: buckets for queue, buckets in mine.items() if buckets != own})
        return self._share

    def heartbeat(self, live: Mapping[str, Sequence[str]]) -> bool:
        """Spread the buckets over the `live` workers again, queue by queue; adoptions end. True if that changes any.

        `live`: each worker with the queues that it serves (none: all).
        """
        changes = live != self._live
        if changes:
            self._live = live
            self._shares.clear()
        had_adopted, self._adopted = bool(self._adopted), {}
        if changes or had_adopted:
            self._changed()
        return changes or had_adopted

    def _changed(self) -> None:
        self._buckets.clear()
        self._share = None

    def overdue(self, heads: Sequence[Job], own_head: Job | None, now: float) -> list[Job]:
        """Return those of the queues' first ready jobs that wait behind another owner, seen twice long enough apart.

        `heads` are of all queues at once: who is not among them is forgotten. `own_head` is the next job of one's own
        buckets; `now` is monotonic, in seconds.
        """
        foreign = [job for job in heads if bucket_of(job.stream) not in self.buckets(job.queue)]
        found = []
        for job in foreign:
            version, since = self._seen.get(job.id, (0, now))
            if version != job.version:
                since = now
            self._seen[job.id] = (job.version, since)
            urgent = own_head is None or job.priority > own_head.priority
            if now - since >= (SEEN_TWICE_URGENT_S if urgent else self._turn(bucket_of(job.stream))):
                found.append(job)
        self._forget(foreign)
        return found

    def _turn(self, bucket: int) -> float:
        """Return after how many seconds it is this worker's turn to take over a bucket: one after the other.

        All at once would claim the same jobs. The higher its weight, the sooner: next is who would own the bucket
        without its owner.
        """
        lightness = 1 - int.from_bytes(_weight(self._worker, bucket)) / 2**64
        return SEEN_TWICE_S * (1 + TURNS * lightness)

    def _forget(self, still: Iterable[Job]) -> None:
        self._seen = {job.id: self._seen[job.id] for job in still}

    def adopt(self, jobs: Iterable[Job]) -> None:
        """Claim from these jobs' buckets of their queues too, until the next heartbeat: their owner has no room."""
        for job in jobs:
            self._adopted[job.queue] = self._adopted.get(job.queue, frozenset()) | {bucket_of(job.stream)}
        self._changed()
