"""A log with events of several categories, what is stored of it, and a file of it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import LateResult, Paused
from eventqueue.model.lives import WorkerLeft
from eventqueue.system.whole import whole_file
from eventqueue.transfer.lines import Asked
from tests.builders import COMPLETED, append, claimed, enqueued, said

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


def stored(database: Database[Any]) -> list[bytes]:
    """All events as they are stored, in order of their places."""
    return [one.raw for one in database.get_collection("events", codec_options=RAW).find(sort=[("_id", 1)])]


def fill(queue: Queue) -> None:
    """Have events of several categories, in several streams."""
    done = queue.connection.ground.log.append(
        [
            append("job-a", enqueued(tags=["nightly"]), claimed(), COMPLETED),
            append("job-b", enqueued(queue="mail")),
            append("late-a", LateResult(claim=2, worker="worker-1", outcome="completed", data={})),
            append("queue-mail", Paused(why="no post today")),
            append("config-default", said({"deep": [1, 2.5, None, "ö\u202e"]})),
            append("worker-one", WorkerLeft()),
        ]
    )
    assert all(one.is_whole for one in done)


def export(queue: Queue, place: Path, asked: Asked | None = None) -> str:
    """Export into a file, and return its name."""
    path = str(place / f"{uuid4().hex[:8]}.jsonl")
    with whole_file(path) as file:
        queue.export(file, asked)
    return path
