"""Stored histories in runs of whole streams: each event as its bytes, and as it is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import msgspec

from eventqueue.audit.rules import Finding, Stored
from eventqueue.model.codec import split
from eventqueue.model.events import Recorded
from projections.folds.decoding import Poison, event_in

MISPLACED = "its `_id` is no stream and version: no reader of a stream finds it, and somebody put it there"


class Run(msgspec.Struct):
    """Whole streams: what is stored of each, and its events as the views' fold takes them."""

    stored: dict[str, list[Stored]]
    events: dict[str, list[Recorded | Poison]]
    misplaced: list[Any]  # the `_id`s of what stands in no stream
    count: int = 0

    @property
    def last(self) -> str:
        """The last of its streams in order of their names."""
        return next(reversed(self.stored))


def runs(batches: Iterable[bytes], most: int) -> Iterator[Run]:
    """Yield what is stored in runs of about `most` events, cut between streams."""
    run, last = Run({}, {}, []), ""
    stored: list[Stored] = []
    events: list[Recorded | Poison] = []
    for batch in batches:
        # One by one, and not all of a batch first: each is used while it is still in the processor's cache.
        for raw in split(batch):
            document, event = event_in(raw)
            if not event.stream:
                run.misplaced.append(document.get("_id"))
                continue
            if event.stream != last:
                if run.count >= most:
                    yield run
                    run = Run({}, {}, [])
                last = event.stream
                stored = run.stored[last] = []
                events = run.events[last] = []
            stored.append(_stored(raw, document, event))
            events.append(event)
            run.count += 1
    if run.count or run.misplaced:
        yield run


def of_streams(raws: Sequence[bytes]) -> Run:
    """Return some streams, as stored, as one run."""
    return next(runs(raws, len(raws) + 1), Run({}, {}, []))


def one_by_one(batches: Iterable[bytes], put_aside: Callable[[Any], object]) -> Iterator[tuple[str, Iterator[Stored]]]:
    """Yield each stream with what is stored of it, which is to be gone through before the next: one may be very long.

    The `_id` of what stands in none is put aside.
    """

    def told() -> Iterator[tuple[str, Stored]]:
        for raw in chain.from_iterable(map(split, batches)):
            document, event = event_in(raw)
            if event.stream:
                yield event.stream, _stored(raw, document, event)
            else:
                put_aside(document.get("_id"))

    for stream, history in groupby(told(), key=itemgetter(0)):
        yield stream, (one for _, one in history)


def _stored(raw: bytes, document: Mapping[str, Any], event: Recorded | Poison) -> Stored:
    if isinstance(event, Poison):
        return Stored(raw, None, event.problem)
    return Stored(raw, event, "", len(document))


def misplaced(keys: Iterable[Any]) -> Iterator[Finding]:
    """Yield a finding for each `_id` that is no stream and version."""
    for key in keys:
        yield Finding(str(key), 1, MISPLACED, "a stream and a version", str(key))
