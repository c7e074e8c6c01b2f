"""A log held against seals that were kept elsewhere: these are taken as true, and nothing in the database is.

First the tree is made again from the leaves in the log, and its root compared at each seal; then each event is held
against the leaves that this proved. It takes the memory of one run of leaves, and temporary files as large as all of
them: some 90 bytes for each stream and each seal before which it changed. The log is read once.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain

from msgspec.structs import replace

from eventqueue.audit.covering import Cover
from eventqueue.audit.merkle import Tree, leaf_hash
from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import LEAVES, SEALS, Seal, untimely
from eventqueue.errors import BadSeals, LogCorrupt
from eventqueue.model.codec import split
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import MongoLog
from eventqueue.sealing import stored
from eventqueue.sealing.signing import is_signed
from eventqueue.sealing.sorting import Sorted
from eventqueue.system.ahead import ahead

LOST = "what was sealed after seal {} cannot be held against the seals"


def hold(ground: Ground, kept: Iterable[Seal], tell: Callable[[int], object] = lambda _: None) -> Iterator[Finding]:
    """Yield whatever the log has otherwise than it was sealed: altered, removed, cut off, or put in before a seal.

    `kept`: seals from elsewhere in order of their numbers, at best all of them. `tell` is given how many events were
    held against them since. Raises BadSeals where they are of another log, or none.
    """
    coming = iter(kept)
    first = next(coming, None)
    if first is None:
        raise BadSeals("There is no seal to hold the log against.")
    with Sorted() as leaves:
        trusted = yield from _hold_tree(ground, first, coming, leaves)
        if trusted is not None:
            yield from _hold_events(ground.log, trusted, leaves, tell)


def _hold_tree(
    ground: Ground, first: Seal, coming: Iterator[Seal], leaves: Sorted
) -> Generator[Finding, None, Seal | None]:
    """Yield what is wrong with the seals in the log; return the last of those kept whose tree the log still has."""
    log, trusted = ground.log, None
    try:
        yield from _of_identity(ground, first)
        rebuilt = _Rebuilt(log, leaves)
        for seal in chain([first], coming):
            made = rebuilt.up_to(seal.number)
            if made is None:
                problem = f"seal {seal.number}, which was kept, is not there"
                yield replace(_finding(SEALS, seal.number, problem, trusted), is_lost=True)
                return trusted
            yield from _of_seal(made, seal)
            if (rebuilt.tree.size, rebuilt.tree.root) != (seal.size, seal.root):
                problem = f"the leaves of seal {seal.number}, or of one before it, were altered: its root is another"
                yield _finding(LEAVES, made.said.leaves[1], problem, trusted)
                return trusted
            trusted = seal
    except LogCorrupt as error:
        yield _finding(SEALS, 0, str(error).rstrip("."), trusted)
    return trusted


def _of_seal(made: stored.Made, kept: Seal) -> Iterator[Finding]:
    version = made.recorded.version
    if why := untimely(made.seal, made.recorded.ts):
        yield Finding(SEALS, version, f"seal {kept.number} was forged: {why}", is_sealed=True)
    if made.seal.statement != kept.statement:
        problem = f"it is not the seal {kept.number} that was kept"
        yield Finding(SEALS, version, problem, kept.hash.hex(), made.seal.hash.hex(), is_sealed=True)
    if made.seal.key is not None and is_signed(made.seal) is False:
        problem = f"seal {kept.number} was forged: it is not signed by the key that it names"
        yield Finding(SEALS, version, problem, made.seal.key.hex(), None, is_sealed=True)


def _of_identity(ground: Ground, first: Seal) -> Iterator[Finding]:
    """Yield where the log's own first seal is of another log. Raises BadSeals where the seals that were kept are."""
    ours = stored.identity(ground.log, ground.log_id)
    if ground.log_id and ours != ground.log_id:
        problem = f"the log's first seal is of log {ours}, the layout says log {ground.log_id}: one of them was altered"
        yield Finding(SEALS, 1, problem, ground.log_id, ours, is_sealed=True)
    elif ground.log_id and ours != first.log:
        raise BadSeals(
            f"These are seals of log {first.log}, and this is log {ours}: name its own file, or the other database. If "
            "both are right, somebody has altered the log's id."
        )


def _finding(stream: str, version: int, problem: str, trusted: Seal | None) -> Finding:
    lost = "nothing can be held against the seals" if trusted is None else LOST.format(trusted.number)
    return Finding(stream, version, f"{problem}; {lost}", is_sealed=True)


class _Rebuilt:
    """The tree as the leaves in the log make it, seal after seal."""

    def __init__(self, log: MongoLog, leaves: Sorted) -> None:
        self.tree = Tree()
        self._leaves = leaves
        self._seals = stored.seals(log)
        self._pieces = stored.Pieces(log)

    def up_to(self, number: int) -> stored.Made | None:
        """Add the leaves of the seals up to this one, and return it; None where the log has no such seal."""
        for made in self._seals:
            if made.said.number > number:
                return None
            self.tree = self.tree.plus(map(self._added, self._pieces.of(made.said)))
            if made.said.number == number:
                return made
        return None

    def _added(self, leaf: bytes) -> bytes:
        self._leaves.add(leaf)
        return leaf_hash(leaf)


def _hold_events(log: MongoLog, trusted: Seal, leaves: Sorted, tell: Callable[[int], object]) -> Iterator[Finding]:
    cover = Cover(leaves.first(trusted.size), trusted)
    with closing(ahead(log.scan_batches())) as batches:
        for batch in batches:
            number = 0
            for raw in split(batch):
                yield from cover.findings(raw)
                number += 1
            tell(number)
    yield from cover.rest()
