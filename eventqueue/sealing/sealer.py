"""Makes seals: a step reads what has changed since the last one, appends its leaves, then the seal that names them.

Leaves whose seal never came are in no seal, for each says which events of `seal-leaves` are its own. Of two sealers at
the same time one appends its seal at the next version of `seal-log`; the other looks again.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from bson.timestamp import Timestamp
from msgspec.structs import replace

from eventqueue.audit.leaves import Leaf, pack
from eventqueue.audit.merkle import Tree, leaf_hash
from eventqueue.audit.seals import LEAVES, SEALS, LeavesSealed, LogSealed, Moment, Seal, untimely
from eventqueue.errors import Fenced, LogCorrupt, NotSealed, Refused
from eventqueue.model.codec import EPOCH, content_hash, to_ms
from eventqueue.model.codec import seal as chain
from eventqueue.model.events import EMPTY, Event, Head
from eventqueue.model.figures import instant
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.timeline import Timeline
from eventqueue.ports.log import Append
from eventqueue.sealing import stored
from eventqueue.sealing.gathering import BEGIN, MOST, Changes, gather, settled
from eventqueue.sealing.holding import hold
from eventqueue.sealing.signing import Signer, check_signature

SURELY = 100_000  # events


class Position(msgspec.Struct, frozen=True):
    """Where the next seal goes on: behind which one, from when on, and what of that is sealed already.

    `known`: of each stream that was sealed after `since`, its version, and up to when had been looked for that seal.
    """

    last: stored.Made | None = None
    since: Timestamp = BEGIN
    known: dict[bytes, tuple[int, Timestamp]] = {}

    @property
    def number(self) -> int:
        """How many seals there are."""
        return 0 if self.last is None else self.last.said.number

    def past(self, until: Timestamp) -> "Position":
        """Return it with nothing left to be looked for up to `until`."""
        known = {stream: one for stream, one in self.known.items() if one[1] >= until}
        return Position(self.last, until, known)

    def behind(self, made: stored.Made, leaves: tuple[Leaf, ...]) -> "Position":
        """Return it behind a new seal, of these leaves."""
        looked, until = _timestamp(made.said.looked), _timestamp(made.said.until)
        known = {**self.known, **{leaf.stream.encode(): (leaf.version, looked) for leaf in leaves}}
        return Position(made, until, known).past(until)


class Sealer:
    """Makes seals of one log, as `actor`; signed, if there is a `signer`.

    What is signed goes on as signed. `may_take_over`: behind a seal that another key has signed.
    """

    def __init__(
        self,
        ground: Ground,
        actor: str,
        signer: Signer | None = None,
        most: int = MOST,
        *,
        may_take_over: bool = False,
    ) -> None:
        self._ground = ground
        self._log = ground.log
        self._timeline = Timeline(ground.database, ground.log)
        self._actor = actor
        self._signer = signer
        self._most = most
        self._may_take_over = may_take_over
        self._position = Position()
        self._unsigned = 0  # up to here no seal is signed: these are not looked at again
        self.is_behind = False
        """Whether the last step left something for the next, since there was so much."""

    def seal_all(self) -> Iterator[Seal]:
        """Make and yield seals until all is sealed that was acknowledged before; each of `most` events, about.

        Raises as `step` does.
        """
        now = majority_time(self._ground.database)
        while (seal := self.step(now)) is not None:
            yield seal

    def step(self, until: Timestamp | None = None) -> Seal | None:
        """Make one seal, if anything has changed up to `until`, and return it.

        `until` None: up to where all is settled, some seconds ago; then no event is ever read twice.
        Raises Fenced where another one was made meanwhile, LogCorrupt where the last one was altered, Refused where it
        is signed with a key that is not the signer's, and NotSealed where it was made by a clock that is ahead of the
        server's.
        """
        now = majority_time(self._ground.database)
        sure, position = settled(now), self._found()
        if position.since > now:
            # What is stamped before that would be in no seal, and look as if it had been put in later.
            raise NotSealed(
                f"The log is sealed until {_told(position.since)}, which is yet to come by the server's clock (it is "
                f"{_told(now)}): it was brought in from one whose clock was ahead. Nothing is sealed before then."
            )
        known = {stream: version for stream, (version, _) in position.known.items()}
        changes = gather(self._timeline, position.since, until or sure, known, sure=sure, most=self._most)
        self.is_behind = changes.looked < (until or sure)
        if not changes.leaves:
            self._position = position.past(max(position.since, changes.until))
            return None
        pieces = self._append_leaves(position, changes)
        made = self._append_seal(position, changes, pieces)
        self._position = position.behind(made, changes.leaves)
        return made.seal

    def check(self) -> None:
        """Raise LogCorrupt where no seal is made behind what there is. Writes nothing."""
        if (last := stored.last(self._log)) is not None:
            self._check(last)
        self._log.read_last(LEAVES)

    def _found(self) -> Position:
        """Return the position behind the last seal there is, whoever made it."""
        last = stored.last(self._log)
        if last is None:
            return Position() if self._position.number else self._position
        if self._position.last is not None and self._position.last.recorded.hash == last.recorded.hash:
            return self._position
        self._check_key(last)
        self._check(last)
        since = _timestamp(last.said.until)
        known: dict[bytes, tuple[int, Timestamp]] = {}
        for leaf, looked in stored.leaves_since(self._log, last, since):
            known.setdefault(leaf.stream.encode(), (leaf.version, looked))
        return Position(last, since, known)

    def _check_key(self, last: stored.Made) -> None:
        if last.said.key is None or (self._signer is not None and last.said.key == self._signer.public):
            return
        # Else two who each have a key of their own, or one of whom has none, would have all that the other has sealed
        # looked at again, each minute, and an audit by the key would find seals that it has not signed.
        if self._signer is None or not self._may_take_over:
            has = "no key" if self._signer is None else f"key {self._signer.public.hex()[:16]}"
            raise Refused(
                f"Seal {last.said.number} is signed with key {last.said.key.hex()[:16]}, and this process has {has}: "
                "give it that one, or begin with another by `queuectl audit seal --new-key`."
            )

    def _check(self, last: stored.Made) -> None:
        (raw,) = self._log.read_raw(SEALS, last.recorded.version - 1, 1)
        tree = Tree(last.said.size, last.said.peaks)
        if content_hash(raw) != last.recorded.hash or tree.root != last.said.root:
            raise LogCorrupt(
                f"Seal {last.said.number} was altered, so none is made behind it: `queuectl audit verify`."
            )
        is_ours = self._signer is not None and last.said.key == self._signer.public
        if self._signer is not None and is_ours:
            check_signature(last.seal, self._signer.public)
        problem = untimely(last.seal, last.recorded.ts)
        if problem is None and last.said.key is None:
            if self._log.has_field(SEALS, "data.key", self._unsigned):
                problem = "it is not signed, though one before it was"
            else:
                self._unsigned = last.recorded.version
        # The server only estimates, after it was killed: this is against a number out of all proportion, with which
        # nothing would seem to be new for ever.
        there = self._ground.database["events"].estimated_document_count()
        if problem is None and last.said.events > 2 * there + SURELY:
            problem = "it has far more events than there are"
        if problem is not None:
            raise LogCorrupt(
                f"Seal {last.said.number} was forged, so none is made behind it ({problem}): `queuectl audit verify`."
            )
        if self._signer is not None and not is_ours:
            self._check_leaves()

    def _check_leaves(self) -> None:
        # Whatever is signed from now on is over these leaves, too, which anybody may have put there.
        for finding in hold(self._ground, (made.seal for made in stored.seals(self._log))):
            raise LogCorrupt(
                f"No seal is signed behind one that was not, and does not fit the log ({finding.stream} version "
                f"{finding.version}: {finding.problem}): `queuectl audit verify` says more."
            )

    def _append_leaves(self, position: Position, changes: Changes) -> tuple[int, int]:
        """Append the leaves and return the first and the last of the versions that they are in."""
        recorded = self._log.read_last(LEAVES)
        head = EMPTY if recorded is None else recorded.head
        first = 0 if position.last is None else position.last.said.size
        events: list[Event] = []
        for number, piece in pack(leaf.data for leaf in changes.leaves):
            events.append(LeavesSealed(seal=position.number + 1, first=first, leaves=piece))
            first += number
        self._append(LEAVES, head, events, self._ground.clock.now())
        return head.version + 1, head.version + len(events)

    def _append_seal(self, position: Position, changes: Changes, pieces: tuple[int, int]) -> stored.Made:
        last = position.last
        tree = Tree() if last is None else Tree(last.said.size, last.said.peaks)
        tree = tree.plus(leaf_hash(leaf.data) for leaf in changes.leaves)
        head = EMPTY if last is None else last.recorded.head
        now = to_ms(self._ground.clock.now())
        seal = self._signed(self._next(last, changes, tree, now if head.at is None else max(now, head.at)))
        stated = {name: getattr(seal, name) for name in seal.__struct_fields__ if name != "at"}
        said = LogSealed(**stated, leaves=pieces, peaks=tree.peaks)
        return stored.Made(self._append(SEALS, head, [said], seal.at).recorded[0], said, seal)

    def _next(self, last: stored.Made | None, changes: Changes, tree: Tree, at: datetime) -> Seal:
        return Seal(
            log=self._ground.log_id if last is None else last.said.log,
            number=1 if last is None else last.said.number + 1,
            size=tree.size,
            root=tree.root,
            events=changes.events + (0 if last is None else last.said.events),
            until=_moment(changes.until),
            looked=_moment(changes.looked),
            at=at,
            previous=None if last is None else last.seal.hash,
            key=None if self._signer is None else self._signer.public,
        )

    def _signed(self, seal: Seal) -> Seal:
        return seal if self._signer is None else replace(seal, signature=self._signer.sign(seal.statement))

    def _append(self, stream: str, head: Head, events: Sequence[Event], now: datetime) -> Append:
        append = Append(chain(stream, head, events, actor=self._actor, now=now))
        (result,) = self._log.append([append])
        if result.error is not None:
            raise result.error
        if not result.is_whole:
            raise Fenced("Another process has sealed the log meanwhile.")
        return append


def _moment(ts: Timestamp) -> Moment:
    return ts.time, ts.inc


def _told(ts: Timestamp) -> str:
    return instant(EPOCH + timedelta(seconds=ts.time))


def _timestamp(moment: Moment) -> Timestamp:
    return Timestamp(*moment)
