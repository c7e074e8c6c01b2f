"""Enqueueing: requests checked, sealed and appended in batches; the next one is sealed while the last is on its way."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import msgspec

from eventqueue import settings
from eventqueue.codec import seal
from eventqueue.errors import DifferentJob, InvalidInput
from eventqueue.events import EMPTY, Enqueued, name_in, stream_of
from eventqueue.ground import Ground
from eventqueue.group_commit import GroupCommit
from eventqueue.job import Enqueue, decide
from eventqueue.log import Append, Appended
from eventqueue.spec import Defaults, Request, request
from eventqueue.tuning import tuned

BATCH = 500  # jobs in one append
SMALL = 8 * 1024  # bytes of JSON, with which a request fits into an event whatever BSON makes of it (32 times at most)


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What a command did: the stream stands at `version` now; `created` is False if the job was there before.

    `changed` is False where all was as asked already, and nothing was appended.
    """

    id: str
    stream: str
    version: int
    created: bool = False
    changed: bool = True


class Batch(msgspec.Struct, frozen=True):
    """Requests with the stream of each, and the appends, one a stream, that make those jobs."""

    requests: Sequence[Request]
    streams: Sequence[str]
    appends: Mapping[str, Append]


class Enqueueing:
    """Puts jobs into the log on `ground`, in the name of `actor`; `values`: the settings in force."""

    def __init__(
        self, ground: Ground, commit: GroupCommit, values: Mapping[str, settings.Source], *, actor: str
    ) -> None:
        self._ground = ground
        self._commit = commit
        self._values = values
        self._actor = actor
        self._defaults: tuple[str | None, Defaults] | None = None  # for the directory that this process was in last

    def check(self, fields: Mapping[str, Any]) -> Request:
        """Return the checked request. Raises InvalidInput naming the field that is wrong."""
        checked = request(fields, self._defaults_here())
        if checked.is_too_late(self._ground.clock.now) and not self._is_there(checked):
            raise InvalidInput("expires_at", "is not after the delay")
        if not (checked.cwd or "").startswith("/"):
            raise InvalidInput("cwd", f"must be given as an absolute path: {_why_nowhere()}")
        if len(msgspec.json.encode(checked.asked)) > SMALL:  # too large for one event, perhaps: sealing refuses that
            self._sealed([checked])
        return checked

    def _is_there(self, asked: Request) -> bool:
        """Whether the job was enqueued before, in time perhaps: the same call later is the same job."""
        if asked.fields.id is None and asked.fields.key is None:
            return False
        return bool(self._ground.log.find_next([(stream_of("job", asked.job_id("")), 0)]))

    def _defaults_here(self) -> Defaults:
        here = _directory()
        if self._defaults is None or self._defaults[0] != here:
            self._defaults = here, settings.job_defaults(self._values, here)
        return self._defaults[1]

    def enqueue(self, requests: Iterable[Request], progress: Callable[[int], object]) -> list[Receipt | DifferentJob]:
        """Return a result for each request, in order; `progress` is told how many each batch added.

        Where a batch cannot be appended no later one is sent.
        """
        waiting = iter(requests)
        batch, following = self._next(waiting), self._next(waiting)
        if following is None:  # no thread for one job: there is nothing to do meanwhile
            return [] if batch is None else self._results(batch, self._append(batch), progress)
        results: list[Receipt | DifferentJob] = []
        with tuned(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="append") as pool:
            while batch is not None:
                sent, flight = batch, pool.submit(self._append, batch)
                batch, following = following, self._next(waiting)
                results += self._results(sent, flight.result(), progress)
        return results

    def _next(self, waiting: Iterator[Request]) -> Batch | None:
        chunk = list(islice(waiting, BATCH))
        return self._sealed(chunk) if chunk else None

    def _sealed(self, requests: Sequence[Request]) -> Batch:
        now = self._ground.clock.now()
        streams = [stream_of("job", one.job_id(_new_id())) for one in requests]
        appends: dict[str, Append] = {}
        for stream, one in zip(streams, requests, strict=True):
            if stream not in appends:  # the same job twice in one batch: the first one asks, the others compare
                events = decide(None, Enqueue(one), now)
                appends[stream] = Append(seal(stream, EMPTY, events, actor=self._actor, now=now))
        return Batch(requests, streams, appends)

    def _append(self, batch: Batch) -> Sequence[Appended]:
        return self._commit.append(list(batch.appends.values()))

    def _results(
        self, batch: Batch, appended: Sequence[Appended], progress: Callable[[int], object]
    ) -> list[Receipt | DifferentJob]:
        outcomes = dict(zip(batch.appends, appended, strict=True))
        results = []
        for stream, one in zip(batch.streams, batch.requests, strict=True):
            results.append(self._receipt(stream, one, outcomes[stream]))
            outcomes[stream] = Appended(0, conflict=b"")  # whoever comes later in the batch finds it taken
        progress(len(results))
        return results

    def _receipt(self, stream: str, asked: Request, outcome: Appended) -> Receipt | DifferentJob:
        job_id = name_in(stream)
        if outcome.error is not None:
            raise outcome.error
        if outcome.is_whole:
            return Receipt(job_id, stream, 1, created=True)
        first = self._ground.log.read(stream)[0].event
        assert isinstance(first, Enqueued)
        field = asked.differs_from(first)
        return Receipt(job_id, stream, 1) if field is None else DifferentJob(job_id, field)


def _directory() -> str | None:
    try:
        return os.getcwdb().decode()  # UTF-8 whatever the locale: so the launcher takes it
    except (OSError, UnicodeDecodeError):
        return None


def _why_nowhere() -> str:
    try:
        os.getcwdb()
    except OSError:
        return "the current directory has been deleted"
    return "the current directory's name is not valid UTF-8"


def _new_id() -> str:
    import uuid

    if hasattr(uuid, "uuid7"):
        return str(uuid.uuid7())
    import uuid_utils

    return str(uuid_utils.uuid7())
