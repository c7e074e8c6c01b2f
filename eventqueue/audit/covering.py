"""A log held against the leaves of a tree that is known to be true: event by event, both in the order of the log. Pure.

A leaf says what its event's hash is, and by that what stood before it in its stream: each event names the hash of the
one before. So whatever was altered below a leaf, its stream leads to another hash there, also where all the hashes in
the database were made anew.
"""

from collections.abc import Iterable, Iterator

from bson.errors import InvalidBSON
from msgspec.structs import replace

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
            if (one := self._put_in(raw, _named(raw), 0)) is not None:
                yield replace(one, problem=f"it stands at no version of a stream; {one.problem}")
            return
        yield from self._missing_before(place)
        stream, version = place
        if stream != self._stream:
            self._enter(stream)
        digest = content_hash(raw)
        if self._key[0] == stream:
            one = self._differing(raw, version, digest)
        else:
            one = None if stream in _UNSEALED else self._put_in(raw, _shown(stream), version)
        if one is not None:
            yield one
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
                yield self._gone(leaf)

    def _gone(self, leaf: Leaf) -> Finding:
        left = f"up to {self._version}" if self._version else "has nothing of it"
        problem = f"seal {self._number} has the stream up to version {leaf.version}, the log {left}: it was removed"
        return self._finding(leaf.stream, leaf.version, problem, leaf.version, self._version, is_lost=True)

    def _differing(self, raw: bytes, version: int, digest: bytes) -> Finding | None:
        """Return what is wrong with an event that is sealed."""
        wrong = self._wrong(raw, version, digest)
        # All that there are: whoever altered it may have had it sealed again, as it was then.
        while self._leaf is not None and self._key == (self._stream, version):
            if wrong is None and self._leaf.hash != digest:
                problem = f"seal {self._number} has another hash for it: it was altered, or an event before it"
                wrong = problem, self._leaf.hash.hex(), digest.hex()
            self._step()
        if self._is_told or wrong is None:
            return None
        self._is_told = True
        return self._finding(_shown(self._stream), version, *wrong)

    def _wrong(self, raw: bytes, version: int, digest: bytes) -> tuple[str, object, object] | None:
        """Return what an event shows to be wrong beside what stood before it: the problem, what should be, what is."""
        if version != (wanted := self._version + 1):
            return f"version {version} stands where version {wanted} belongs: events were removed", wanted, version
        if digest != (hash_ := hash_in(raw)):
            return ALTERED, digest.hex(), _hex(hash_)
        if (prev := prev_in(raw)) != self._hash:
            return UNCHAINED, _hex(self._hash), _hex(prev)
        if (ts := ts_in(raw)) is None or not self._ts <= ts <= self._looked:
            problem = f"its `ts` is before that of the event before it, or after seal {self._number}, which has it"
            return problem, f"{_moment(self._ts)} to {_moment(self._looked)}", ts and _moment(ts)
        return None

    def _put_in(self, raw: bytes, stream: str, version: int) -> Finding | None:
        """Return what is wrong with an event that no leaf has: nothing, if it came after the seal."""
        ts = ts_in(raw)
        if ts is not None and ts > self._until:
            return None
        problem = f"seal {self._number} has nothing of it, though it is stamped before that: it was put in later"
        return self._finding(stream, version, problem, f"a `ts` after {_moment(self._until)}", ts and _moment(ts))

    @staticmethod
    def _finding(
        stream: str, version: int, problem: str, expected: object, found: object, *, is_lost: bool = False
    ) -> Finding:
        wanted, there = (None if one is None else str(one) for one in (expected, found))
        return Finding(stream, version, problem, wanted, there, is_lost, is_sealed=True)

    def _step(self) -> None:
        self._leaf = next(self._leaves, None)
        self._key = _key(self._leaf)


def _key(leaf: Leaf | None) -> tuple[bytes, int]:
    return (b"", 0) if leaf is None else (leaf.stream.encode(), leaf.version)


def _number(moment: Moment) -> int:
    return moment[0] << 32 | moment[1]


def _moment(ts: int) -> str:
    return f"{ts >> 32}.{ts & 0xFFFFFFFF}"


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def _named(raw: bytes) -> str:
    try:
        return stream_in(raw)
    except (InvalidBSON, ValueError):
        return "?"


def _shown(stream: bytes) -> str:
    return stream.decode(errors="backslashreplace")
