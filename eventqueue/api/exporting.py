"""The log taken elsewhere: written to a file, or into another database."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pymongo.read_preferences import ReadPreference

from eventqueue.api.arguments import selected
from eventqueue.api.events import Events
from eventqueue.api.finding import check_whole
from eventqueue.audit.filters import parse, text_of
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import InvalidInput
from eventqueue.mongo.errors import translated
from eventqueue.ports.views import Filter
from eventqueue.system.whole import Sink
from eventqueue.system.zones import zone
from eventqueue.transfer import parquet
from eventqueue.transfer.lines import FORMAT, Asked, First, lines
from eventqueue.transfer.unpacking import copy

if TYPE_CHECKING:
    from eventqueue.connect import Connection

TELL_EVERY = 1000  # events


def first_line(connection: "Connection", asked: Asked) -> First:
    """Return what an export that is made now says of itself."""
    ground = connection.ground
    return First(
        format=FORMAT,
        version=asked.version,
        log=ground.log_id,
        export=os.urandom(16).hex(),
        made_at=ground.clock.now(),
        asked=asked,
    )


def write_lines(file: Sink, first: First, events: Iterable[bytes], progress: Callable[[int], object]) -> int:
    """Write an export's lines, and return of how many events."""
    number = -2  # the first line and the last are none
    for line in lines(first, events):
        file.write(line)
        number += 1
        if number > 0 and number % TELL_EVERY == 0:
            progress(number)
    progress(number)
    return number


Progress = Callable[[int], object]
Writer = Callable[[Sink, First, Iterable[bytes], Progress], int]

WRITERS: Mapping[str, Writer] = {"jsonl": write_lines, "parquet": parquet.write}


class Exporting:
    """Takes the log of one connection elsewhere."""

    def __init__(self, connection: "Connection", events: Events) -> None:
        self._connection = connection
        self._events = events

    def export(self, file: Sink, asked: Asked, form: str, progress: Progress) -> int:
        """See Queue.export."""
        if form not in WRITERS:
            raise InvalidInput("form", f"{form!r} is none of {', '.join(WRITERS)}")
        if form == "parquet":
            parquet.check()
        wanted = asked.wanted
        if asked.jobs is not None:
            filter_ = self._filter(asked.jobs)
            asked = replace(asked, jobs=text_of(filter_))  # with times as they are, and not as from now
            wanted = replace(wanted, jobs=self._fitting(filter_))
        return WRITERS[form](file, first_line(self._connection, asked), self._events.stored(wanted), progress)

    def _filter(self, text: str) -> Filter:
        fields = parse(text, self._connection.ground.clock.now(), zone)
        return selected(None, {**fields, "limit": None, "scan": True})  # all of the log is looked at in any case

    def _fitting(self, filter_: Filter) -> frozenset[str]:
        views = self._connection.views
        check_whole(views.refresh(), "exported")
        return frozenset(views.ids(filter_))

    def copy(self, db: str, progress: Progress) -> int:
        """See Queue.copy_log."""
        ground = self._connection.ground
        with translated():
            other = self._connection.client.get_database(db, read_preference=ReadPreference.PRIMARY)
        return copy(other, ground.log_id, ground.database.name, self._events.stored(Wanted()), progress)
