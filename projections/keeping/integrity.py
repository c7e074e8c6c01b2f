"""Whether views are whole: each of their collections there, and the very one that was built.

One that was dropped comes back, empty, with the next write into it: so it is known by the UUID that the server gave it,
which the checkpoint keeps, and not by its name.
"""

from typing import Any

from pymongo.database import Database

from eventqueue.errors import Fenced, ViewsDamaged
from eventqueue.mongo.clock import majority_time
from projections.keeping import checkpoint, generation
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.generation import INDEXES, Generation

# As after a dump was restored where the clock is behind: no event would be applied until that time.
AHEAD_S = 600


def damage(database: Database[Any], held: Checkpoint) -> str | None:
    """Return what is amiss with the views at `held`; None where nothing is, where they are the live ones no more, or
    where this process may not ask.
    """
    live = Generation(database, held.generation)
    names = sorted({*INDEXES, *held.projections})
    found = live.identities(names)
    if found is None:
        return None
    known = held.collections or {}
    problems = [
        f"{live.name_of(name)} is missing"
        if name not in found
        else f"{live.name_of(name)} is not the one that was built"
        for name in names
        if name not in found or known.get(name, found[name]) != found[name]
    ]
    if token_time(held.token).time > majority_time(database).time + AHEAD_S:
        problems.append("its checkpoint is of a time that is yet to come")
    # Views that were switched meanwhile are dropped, and nobody's loss.
    return ", ".join(problems) if problems and is_live(database, held) else None


def is_live(database: Database[Any], held: Checkpoint) -> bool:
    """Whether readers use the views at `held`."""
    live = generation.current(database)
    return live is not None and live.number == held.generation


def check(database: Database[Any], held: Checkpoint) -> None:
    """Raise ViewsDamaged where the views at `held` are not whole."""
    if (problem := damage(database, held)) is not None:
        raise ViewsDamaged(f"The views are damaged ({problem}): they are built anew.")


def check_live(database: Database[Any], number: int) -> None:
    """As `check`, of generation `number` as its checkpoint is now. Raises Fenced where that, or the alias, is gone."""
    held = checkpoint.read(database, number)
    if held is None or not is_live(database, held):
        raise Fenced("The views are gone.")
    check(database, held)


def check_taken(database: Database[Any], held: Checkpoint) -> None:
    """As `check`; views that were built before this was kept are known by what they are now."""
    check(database, held)
    if held.collections is None:
        found = Generation(database, held.generation).identities(sorted({*INDEXES, *held.projections}))
        checkpoint.keep_collections(database, held.generation, found)
