"""What is kept of what attempts wrote, held against the SHA-256 in their events.

That something is not kept any more is no finding: the server drops it once it is old, and where it could not be kept,
the job went on all the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

import bson
import msgspec
from bson.errors import InvalidBSON
from bson.max_key import MaxKey

from eventqueue.audit.attempts import Tails, attempts, of_kept, tails
from eventqueue.audit.rules import Finding
from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import CODEC, EPOCH, LENIENT, decode, split
from eventqueue.model.events import Completed, Event, Failed, Recorded, name_in, stream_of
from eventqueue.model.moments import AHEAD
from eventqueue.model.settings import RETENTION, SETTINGS
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import MAJORITY
from eventqueue.mongo.slices import outlasting, slices
from eventqueue.steering import configuration
from projections.folds.decoding import Poison

Events = Sequence[Recorded | Poison]
Kept = Mapping[int, Tails]
"""What is kept of a job's attempts, by their claims."""


def retention(ground: Ground) -> float:
    """Return for how many seconds outputs are to be kept, as it is set; 0: for ever."""
    stored, _ = configuration.look(ground)
    found = stored.get(RETENTION, SETTINGS[RETENTION].builtin)
    assert isinstance(found, int | float)
    return found


class Found(msgspec.Struct, frozen=True):
    """What is kept, by jobs; and the `_id`s of what is there and no output."""

    kept: Mapping[str, Kept]
    strange: Sequence[str]


class KeptOutputs:
    """The kept outputs of a log."""

    def __init__(self, ground: Ground) -> None:
        self._log = ground.log
        self._outputs = ground.database.get_collection("outputs", CODEC, read_concern=MAJORITY)
        self._clock = ground.clock
        self._retention = timedelta(seconds=retention(ground))
        self.missing = 0  # that are young enough to be there

    def kept_between(self, low: str, high: str | None) -> Found:
        """Return what is kept of the jobs whose ids are above `low`, up to `high`; safe in another thread."""
        bounds: dict[str, Any] = {"$gt": {"job": low, "claim": MaxKey()}} if low else {"$gte": {}}
        if high is not None:
            bounds["$lte"] = {"job": high, "claim": MaxKey()}
        return self._find({"_id": bounds})

    def kept_of(self, job_ids: Iterable[str]) -> Found:
        """Return what is kept of some jobs, which are few."""
        ranges = ({"$gte": {"job": job_id}, "$lte": {"job": job_id, "claim": MaxKey()}} for job_id in job_ids)
        return self._find({"$or": [{"_id": one} for one in ranges]})

    def hold(self, found: Found, streams: Mapping[str, Events]) -> Iterator[Finding]:
        """Hold what is kept of some jobs against what the log has of them."""
        for key in found.strange:
            yield Finding("outputs", 0, f"what is kept under {key} is no output", "a job and its claim", key)
        for job_id, kept in found.kept.items():
            yield from self._of_job(job_id, kept, streams.get(stream_of("job", job_id), ()))
        self._count_missing(streams, found.kept)

    def _find(self, query: Mapping[str, Any]) -> Found:
        kept: dict[str, dict[int, Tails]] = {}
        strange = []
        for document in chain.from_iterable(map(_decoded, slices(self._outputs, query))):
            try:
                job_id, claim = _place(document)
                kept.setdefault(job_id, {})[claim] = tails(document)
            except (LookupError, TypeError, ValueError):
                strange.append(str(document["_id"]))
        return Found(kept, strange)

    def _of_job(self, job_id: str, kept: Kept, history: Events) -> Iterator[Finding]:
        claims = attempts(map(_event, history))
        if any(list(of_kept(job_id, claim, one, claims.get(claim))) for claim, one in kept.items()) or any(
            claim in claims and claims[claim].output is None for claim in kept
        ):
            # The job may have moved on since its history was read, or it is told elsewhere what a lost attempt wrote.
            yield from self._again(job_id, kept)

    def _again(self, job_id: str, kept: Kept) -> Iterator[Finding]:
        claims = outlasting(lambda: attempts(self._events("job", job_id), self._events("late", job_id)))
        for claim, one in kept.items():
            found = list(of_kept(job_id, claim, one, claims.get(claim)))
            if found and self._is_there_still(job_id, claim, one):
                yield from found

    def _is_there_still(self, job_id: str, claim: int, one: Tails) -> bool:
        # What is kept again by a worker that had no answer is there twice, for a moment not as it stays.
        with translated():
            document = self._outputs.find_one({"_id": {"job": job_id, "claim": claim}})
        return document is not None and tails(document) == one

    def _events(self, category: str, job_id: str) -> list[Event | None]:
        return [_decoded_event(raw) for raw in self._log.read_raw(stream_of(category, job_id))]

    def _count_missing(self, streams: Mapping[str, Events], kept: Mapping[str, Kept]) -> None:
        # Once they have been read, and some seconds more, which lie between: what is dropped meanwhile is none of them.
        young = self._clock.now() - self._retention + AHEAD if self._retention else EPOCH
        for stream, history in streams.items():
            for event in history:
                if type(event) is Recorded and _tells(event.event) and event.at > young:
                    self.missing += event.version - 1 not in kept.get(name_in(stream), {})


def _place(document: Mapping[str, Any]) -> tuple[str, int]:
    (first, job_id), (second, claim) = document["_id"].items()
    if (first, second) != ("job", "claim") or not isinstance(job_id, str) or type(claim) is not int:
        raise TypeError("no place of an output")
    return job_id, claim


def _tells(event: Event) -> bool:
    if type(event) is not Completed and type(event) is not Failed:
        return False
    if event.output is None:
        return False
    return event.output.stdout.sha256 is not None or event.output.stderr.sha256 is not None


def _event(event: Recorded | Poison) -> Event | None:
    return event.event if isinstance(event, Recorded) else None


def _decoded_event(raw: bytes) -> Event | None:
    try:
        return decode(raw).event
    except LogCorrupt:
        return None


def _decoded(batch: bytes) -> Iterable[Mapping[str, Any]]:
    try:
        return bson.decode_all(batch, CODEC)
    except InvalidBSON:
        return [bson.decode(raw, LENIENT) for raw in split(batch)]
