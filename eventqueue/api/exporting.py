"""The log written to a file: see Queue.export."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from eventqueue.system.whole import Sink
from eventqueue.transfer import parquet
from eventqueue.transfer.lines import FORMAT, VERSION, Asked, First, lines

if TYPE_CHECKING:
    from eventqueue.connect import Connection

TELL_EVERY = 1000  # events


def first_line(connection: "Connection", asked: Asked) -> First:
    """Return what an export that is made now says of itself."""
    ground = connection.ground
    return First(
        format=FORMAT,
        version=VERSION,
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


Writer = Callable[[Sink, First, Iterable[bytes], Callable[[int], object]], int]

WRITERS: Mapping[str, Writer] = {"jsonl": write_lines, "parquet": parquet.write}
