"""A log held against the leaves of a tree that is known to be true: event by event, both in the order of the log. Pure.

A leaf says what its event's hash is, and by that what stood before it in its stream: each event names the hash of the
one before. So whatever was altered below a leaf, its stream leads to another hash there, also where all the hashes in
the database were made anew.
"""

from collections.abc import Iterable, Iterator

from bson.errors import InvalidBSON

from eventqueue.audit.leaves import Leaf, parse
from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import LEAVES, SEALS, Moment, Seal
from eventqueue.model.codec import content_hash, stream_in
from eventqueue.model.envelope import hash_in, place_in, prev_in, ts_in

ALTERED = "its hash is not that of its bytes: the event was altered"
_UNSEALED = (SEALS.encode(), LEAVES.encode())
UNCHAINED = "it does not continue the event before it: `prev` is another hash"


class Cover:
    """Takes the log's events, in order of stream and version, and tells what does not agree with `leaves`.

    `seal`: the last one that these leaves belong to. Of what is wrong in the sealed part of one stream the first is
    told. The streams of the seals themselves have no leaves.
    """

    def __init__(self, leaves: Iterable[bytes], seal: Seal) -> None:
        self._leaves = map(parse, leaves)
        self._leaf = next(self._leaves, None)
        self._key = _key(self._leaf)
        self._number = seal.number
        self._until, self._looked = _number(seal.until), _number(seal.looked)
        self._stream = b""
        self._version = 0
        self._hash: bytes | None = None
        self._ts = 0
        self._is_told = False

    def findings(self, raw: bytes) -> Iterator[Finding]:
        """Yield what is wrong up to the next event of the log, given as stored."""
        place = place_in(raw)
        if place is None:
            if (problem := self._put_in(raw, b"")) is not None:
                yield Finding(_named(raw), 0, f"it stands at no version of a stream; {problem}")
            return
        yield from self._missing_before(place)
        stream, version = place
        if stream != self._stream:
            self._enter(stream)
        digest = content_hash(raw)
        is_sealed = self._key[0] == stream
        problem = self._problem(raw, version, digest) if is_sealed else self._put_in(raw, stream)
        if problem is not None:
            yield Finding(_shown(stream), version, problem)
        self._version, self._hash, self._ts = version, digest, ts_in(raw) or 0

    def rest(self) -> Iterator[Finding]:
        """Yield what is wrong behind the last event of the log."""
        yield from self._missing_before(None)

    def _enter(self, stream: bytes) -> None:
        self._stream, self._version, self._hash, self._ts, self._is_told = stream, 0, None, 0, False

    def _missing_before(self, place: tuple[bytes, int] | None) -> Iterator[Finding]:
        """Pass over the leaves before a place, whose events the log has not; of each stream the last is told."""
        while self._leaf is not None and (place is None or self._key < place):
            leaf = self._leaf
            if self._key[0] != self._stream:
                self._enter(self._key[0])
            self._step()
            if (self._leaf is None or self._leaf.stream != leaf.stream) and not self._is_told:
                yield Finding(leaf.stream, leaf.version, self._gone(leaf.version))

    def _gone(self, version: int) -> str:
        had = f"seal {self._number} has the stream up to version {version}"
        return f"{had}, the log {f'up to {self._version}' if self._version else 'has nothing of it'}: it was removed"

    def _problem(self, raw: bytes, version: int, digest: bytes) -> str | None:
        """Return what is wrong with an event that is sealed."""
        problem = None
        if version != self._version + 1:
            problem = f"version {version} stands where version {self._version + 1} belongs: events were removed"
        elif digest != hash_in(raw):
            problem = ALTERED
        elif prev_in(raw) != self._hash:
            problem = UNCHAINED
        elif (ts := ts_in(raw)) is None or not self._ts <= ts <= self._looked:
            problem = f"its `ts` is before that of the event before it, or after seal {self._number}, which has it"
        if self._leaf is not None and self._key[1] == version:
            if problem is None and self._leaf.hash != digest:
                problem = f"seal {self._number} has another hash for it: it was altered, or an event before it"
            self._step()
        if self._is_told or problem is None:
            return None
        self._is_told = True
        return problem

    def _put_in(self, raw: bytes, stream: bytes) -> str | None:
        """Return what is wrong with an event that no leaf has: nothing, if it came after the seal."""
        ts = ts_in(raw)
        if stream in _UNSEALED or (ts is not None and ts > self._until):
            return None
        return f"seal {self._number} has nothing of it, though it is stamped before that: it was put in later"

    def _step(self) -> None:
        self._leaf = next(self._leaves, None)
        self._key = _key(self._leaf)


def _key(leaf: Leaf | None) -> tuple[bytes, int]:
    return (b"", 0) if leaf is None else (leaf.stream.encode(), leaf.version)


def _number(moment: Moment) -> int:
    return moment[0] << 32 | moment[1]


def _named(raw: bytes) -> str:
    try:
        return stream_in(raw)
    except (InvalidBSON, ValueError):
        return "?"


def _shown(stream: bytes) -> str:
    return stream.decode(errors="backslashreplace")
