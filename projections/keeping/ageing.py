"""Merges counters that have grown old into coarser ones, as their projection says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from eventqueue.model.codec import CODEC
from eventqueue.mongo.errors import translated
from projections.folds.projection import Ageing, Counters, Key, Projection, add, no_counters
from projections.folds.writes import counter_id, tallies
from projections.keeping.applier import Applier
from projections.keeping.generation import Generation

MERGED_MAX = 500  # counters in one transaction


def find_aged(generation: Generation, one: Projection, now: datetime) -> Mapping[Key, Key]:
    """Return counters, MERGED_MAX at most, that are old at `now`, each with the one that it is merged into."""
    if not isinstance(one, Ageing):
        return {}
    ranges = [{"_id": {"$gte": {"key": list(low)}, "$lt": {"key": list(high)}}} for low, high in one.old(now)]
    found = generation.tally(one.name).find({"$or": ranges}, {"_id": 1}, limit=MERGED_MAX)
    keys = [tuple(document["_id"]["key"]) for document in found]
    return {key: one.aged(key, now) for key in keys}


def take_out(generation: Generation, name: str, aged: Mapping[Key, Key], session: ClientSession) -> Counters:
    """Delete these counters of projection `name` in the caller's transaction; return what is to be added instead."""
    # In a transaction the transaction's own concerns hold; a handle's would be refused.
    counters: Collection[Any] = generation.database[generation.name_of(name)].with_options(CODEC)
    sums = no_counters()
    old = {"_id": {"$in": [counter_id(key) for key in aged]}}
    for document in counters.find(old, session=session):
        add(sums, {aged[tuple(document["_id"]["key"])]: document["n"]})
    counters.delete_many(old, session=session)
    return sums


def merge_aged(applier: Applier, now: datetime) -> bool:
    """Merge counters that have grown old, some hundred at most; False where there were none. Raises Fenced."""
    with translated():
        found = {one.name: find_aged(applier.generation, one, now) for one in applier.projections}
    found = {name: aged for name, aged in found.items() if aged}

    def write(session: ClientSession) -> None:
        sums = {name: take_out(applier.generation, name, aged, session) for name, aged in found.items()}
        applier.send(tallies(applier.generation.name_of, sums), session)

    if found:
        applier.beside(write, now)
    return bool(found)
