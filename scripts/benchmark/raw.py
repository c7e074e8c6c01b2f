"""What the same server and driver do at most, measured in the same run: the limit that a scenario is held against."""

import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database

from eventqueue.mongo.log import DURABLE, RAW
from eventqueue.ports.log import Append
from scripts.benchmark.events import BATCH

COUNT = 30_000  # events


def insert_rate(database: Database[Any], batches: Iterable[Sequence[Append]]) -> float:
    """Return how many events a second one process inserts into a bare collection, a batch at a time, durably."""
    bare = database.create_collection("bare").with_options(write_concern=DURABLE, codec_options=RAW)
    built = islice(batches, -(-COUNT // BATCH))
    documents = [[RawBSONDocument(one.events[0].raw, RAW) for one in batch] for batch in built]
    start = time.perf_counter()
    for batch in documents:
        bare.insert_many(batch, ordered=False)
    rate = sum(map(len, documents)) / (time.perf_counter() - start)
    bare.drop()
    return rate


def decode_rate(events: Collection[Any]) -> float:
    """Return how many events a second a bare cursor decodes in Python."""
    start = time.perf_counter()
    count = sum(1 for _ in events.find())
    return count / (time.perf_counter() - start)
