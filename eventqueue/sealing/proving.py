"""Proofs out of a log: that a stream is in a seal, and that a seal continues another. The leaves are read for that.

A proof needs the roots of some ranges of leaves, and these are in no index: two passes over the leaves up to the seal,
of which the log reads some hundred thousand a second, in flat memory.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from eventqueue.audit import merkle, proofs, rules
from eventqueue.audit.leaves import Leaf, is_of, parse
from eventqueue.errors import LogCorrupt, NotProven, NotSealed
from eventqueue.mongo.log import MongoLog
from eventqueue.sealing import stored

TOLD = 10_000  # leaves, after which it is told
NO_MORE = "The log does not lead to its own seal any more: see `queuectl audit verify`."

T = TypeVar("T", proofs.Inclusion, proofs.Consistency)


def prove(
    log: MongoLog, stream: str, number: int | None, tell: Callable[[int], object] = lambda _: None
) -> proofs.Inclusion:
    """Return the proof of how a stream stood when seal `number` (None: the last one) was made.

    `tell` is given how many leaves were read since, each of which is read twice. Raises NotSealed where there is no
    such seal, or it has nothing of the stream; LogCorrupt where the log does not lead to the seal any more.
    """
    made = stored.seal_number(log, number)
    found = _last_of(stream, _told(stored.leaves_until(log, made), tell))
    if found is None:
        raise NotSealed(f"Seal {made.said.number} has nothing of {stream}: a later one may, or `queuectl audit seal`.")
    index, leaf = found
    path = _roots(log, made, merkle.inclusion(index, made.said.size), tell)
    _check_history(log, leaf)
    return _checked(proofs.inclusion(leaf, index, path, made.seal))


def _check_history(log: MongoLog, leaf: Leaf) -> None:
    """Raise LogCorrupt where the stream does not lead to what was sealed of it: nobody could follow the proof."""
    history = [rules.stored(raw) for raw in log.read_raw(leaf.stream, most=leaf.version)]
    last = history[-1].event if history else None
    if any(rules.check(leaf.stream, history)) or last is None or (last.version, last.hash) != (leaf.version, leaf.hash):
        raise LogCorrupt(NO_MORE)


def prove_between(log: MongoLog, old: int, new: int) -> proofs.Consistency:
    """Return the proof that seal `new` continues seal `old`. Raises as `prove` does."""
    first, second = sorted((old, new))
    before, after = stored.seal_number(log, first), stored.seal_number(log, second)
    path = _roots(log, after, merkle.consistency(before.said.size, after.said.size))
    return _checked(proofs.consistency(before.seal, after.seal, path))


def _last_of(stream: str, leaves: Iterable[bytes]) -> tuple[int, Leaf] | None:
    found = None
    for index, data in enumerate(leaves):
        if is_of(data, stream):
            found = index, data
    return None if found is None else (found[0], parse(found[1]))


def _roots(
    log: MongoLog, made: stored.Made, ranges: list[merkle.Range], tell: Callable[[int], object] = lambda _: None
) -> list[bytes]:
    hashes: Iterator[bytes] = map(merkle.leaf_hash, _told(stored.leaves_until(log, made), tell))
    return merkle.roots(ranges, hashes)


def _told(leaves: Iterable[bytes], tell: Callable[[int], object]) -> Iterator[bytes]:
    for number, leaf in enumerate(leaves, start=1):
        yield leaf
        if number % TOLD == 0:
            tell(TOLD)


def _checked(proof: T) -> T:
    """Return the proof, which holds: what was altered in the log leads to none."""
    try:
        proofs.check(proof)
    except NotProven:
        raise LogCorrupt(NO_MORE) from None
    return proof
