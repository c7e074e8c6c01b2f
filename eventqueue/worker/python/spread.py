"""Which child a run goes to. Pure.

What is not async goes where a thread is free; where none is, and no child may be made, it waits behind the fewest, so
that no thread has to ask for its next run. What waits so is asked back when a thread elsewhere has nothing to do.
"""

from collections.abc import Callable, Collection, Iterable

from eventqueue.worker.python.hand import Hand

CHUNK = 64  # runs that wait for a thread in its child
STUCK_S = 0.01  # since a child was heard of: what waits there may be asked back


def choose(hands: Iterable[Hand], *, is_async: bool, threads: int, may_fork: Callable[[], bool]) -> Hand | None:
    """Return the child for a run; None: a new one where `may_fork`, else none for now."""
    fresh = [hand for hand in hands if hand.is_fresh]
    if not fresh:
        return None
    best = fresh[0] if len(fresh) == 1 else min(fresh, key=(_of_async if is_async else _of_sync))
    load, room = (_of_async(best), 1) if is_async else (_of_sync(best), threads)
    if load < room:
        return best
    if may_fork():
        return None
    return best if is_async or load < threads * (1 + CHUNK) else None


def stuck(hands: Collection[Hand], *, threads: int, may_fork: bool, now: float) -> tuple[Collection[Hand], float]:
    """Return the children whose waiting runs may go elsewhere now, and when to look again (infinity: no need to)."""
    has_room = may_fork or any(hand.is_fresh and hand.sync_count < threads for hand in hands)
    if not has_room:
        return (), float("inf")
    full = [hand for hand in hands if hand.sync_count > threads and not hand.is_asked_back and hand.doomed_by is None]
    found = [hand for hand in full if now >= hand.heard_at + STUCK_S]
    later = min((hand.heard_at + STUCK_S for hand in full if hand not in found), default=float("inf"))
    return found, later


def _of_async(hand: Hand) -> int:
    return len(hand.runs) - hand.sync_count


def _of_sync(hand: Hand) -> int:
    return hand.sync_count
