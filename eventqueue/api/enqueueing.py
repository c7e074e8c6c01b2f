"""Enqueueing: requests checked, sealed and appended in batches; the next one is sealed while the last is on its way."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from itertools import count, islice
from typing import Any

import msgspec
from msgspec.structs import replace
from pymongo.client_session import ClientSession

from eventqueue.errors import DifferentJob, DuplicateJob, InvalidInput, LogCorrupt, LogUnavailable, QueueError
from eventqueue.log import loading
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model import settings
from eventqueue.model.codec import check_data, check_size, decode, head_of, seal
from eventqueue.model.events import EMPTY, Enqueued, Recorded, Shell, name_in, stream_of
from eventqueue.model.job import FINAL, Enqueue, Job, State, decide
from eventqueue.model.spec import Defaults, Request, is_of_arguments, request
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.footing import Footing
from eventqueue.ports.joining import Joining
from eventqueue.ports.log import Append, Appended
from eventqueue.schedules.ticks import is_like_a_tick
from eventqueue.system.tuning import tuned
from eventqueue.tasks.asking import as_declared

BATCH = 500  # jobs in one append
SMALL = 8 * 1024  # bytes of JSON, which BSON makes 32 times as many of at most: no need to count


class Existing(msgspec.Struct, frozen=True, gc=False):
    """How a job stood that was there already when it was asked for again."""

    state: State
    ended_at: datetime | None  # None: it has not ended
    elsewhere: str | None  # the directory where it runs, if that is not where the one asked for now would have


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What a command did: the stream stands at `version` now; `changed` is False where all was as asked already.

    After enqueueing `created` tells whether the job is a new one; `existing` how it stood where it is not, None where
    that cannot be read here.
    """

    id: str
    stream: str
    version: int
    created: bool = False
    changed: bool = True
    existing: Existing | None = None


class Batch(msgspec.Struct, frozen=True):
    """Requests with the stream of each, and the appends, one a stream, that make those jobs."""

    requests: Sequence[Request]
    streams: Sequence[str]
    appends: Mapping[str, Append]


class Enqueueing:
    """Puts jobs into the log on `ground`, in the name of `actor`; `values`: the settings in force."""

    def __init__(
        self,
        ground: Footing,
        commit: GroupCommit,
        values: Mapping[str, settings.Source],
        finder: JobFinder,
        *,
        actor: str,
    ) -> None:
        self._ground = ground
        self._commit = commit
        self._finder = finder
        self._values = values
        self._actor = actor
        self._defaults: tuple[str | None, Defaults] | None = None  # for the directory that this process was in last

    def check(self, fields: Mapping[str, Any]) -> Request:
        """Return the checked request. Raises InvalidInput naming the field that is wrong."""
        asked, defaults = as_declared(fields, self._defaults_here(), self._ground.clock.now)
        checked = _at_home(request(asked, defaults))
        _refuse_names_of_others(fields)
        if checked.is_too_late(self._ground.clock.now) and not self._is_there(checked):
            raise InvalidInput("expires_at", "is not after the delay" if checked.fields.delay else "is in the past")
        if checked.fields.command is not None and not (checked.cwd or "").startswith("/"):
            raise InvalidInput("cwd", f"must be given as an absolute path: {_why_nowhere()}")
        if len(msgspec.json.encode(checked.asked)) > SMALL:  # too large, perhaps
            check_size(checked.asked)
        return checked

    def check_at(self, place: int, fields: Mapping[str, Any]) -> Request:
        """As `check`, of one of many: its `place` among them is in front of the field's name."""
        if not isinstance(fields, Mapping):
            raise InvalidInput(f"{place}", f"is a {type(fields).__name__}; it must be a mapping of a job's fields")
        try:
            return self.check(fields)
        except InvalidInput as error:
            raise InvalidInput(f"{place}.{error.field}", error.problem) from None

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

        Where a batch cannot be appended no later one is sent. Whatever stops it says how many jobs it has `added`.
        Raises LogUnavailable with the ids of those in doubt.
        """
        results: list[Receipt | DifferentJob] = []
        added = 0

        def land(batch: Batch, appended: Sequence[Appended]) -> None:
            nonlocal added
            # Counted first: to read those that were there before may fail.
            added += sum(one.is_whole for one in appended)
            results.extend(self._results(batch, appended, progress))

        try:
            self._send_all(enumerate(requests), land)
        except QueueError as error:
            error.added = added
            raise
        return results

    def join(self, joining: Joining, session: ClientSession, requests: Sequence[Request]) -> list[Receipt]:
        """As `enqueue`, within the transaction of a session: nothing is there before that is committed.

        Raises InvalidInput for a session that is not fit for it, DuplicateJob, or what the driver raises of it.
        """
        receipts, appends = self.new(requests)
        joining.append(session, appends)
        return receipts

    def new(self, requests: Sequence[Request]) -> tuple[list[Receipt], Sequence[Append]]:
        """Return the receipts of jobs that are all to be new, and what makes them. Raises DuplicateJob."""
        batch = self._sealed(0, requests)
        if len(batch.appends) < len(requests):
            twice = next(one for place, one in enumerate(batch.streams) if one in batch.streams[:place])
            raise DuplicateJob(name_in(twice))
        receipts = [Receipt(name_in(stream), stream, 1, created=True) for stream in batch.streams]
        return receipts, list(batch.appends.values())

    def _send_all(
        self, waiting: Iterator[tuple[int, Request]], land: Callable[[Batch, Sequence[Appended]], None]
    ) -> None:
        batch = self._next(waiting)
        if batch is None:
            return
        following = self._next(waiting)
        if following is None:  # no thread for one job: there is nothing to do meanwhile
            land(batch, self._append(batch))
            return
        with tuned(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="append") as pool:
            while batch is not None:
                sent, flight = batch, pool.submit(self._append, batch)
                try:
                    batch, following = following, self._next(waiting)
                except BaseException:
                    # A request that is none, or Ctrl-C: what is on its way is added all the same, and counted.
                    land(sent, flight.result())
                    raise
                land(sent, flight.result())

    def _next(self, waiting: Iterator[tuple[int, Request]]) -> Batch | None:
        chunk = list(islice(waiting, BATCH))
        return self._sealed(chunk[0][0], [one for _, one in chunk]) if chunk else None

    def _sealed(self, first: int, requests: Sequence[Request]) -> Batch:
        if not all(isinstance(one, Request) for one in requests):
            raise InvalidInput("requests", "must be what `check` returned")
        now = self._ground.clock.now()
        streams = [stream_of("job", one.job_id(new_id())) for one in requests]
        appends: dict[str, Append] = {}
        for nth, stream, one in zip(count(first), streams, requests, strict=False):
            if stream not in appends:  # the same job twice in one batch: the first one asks, the others compare
                events = decide(None, Enqueue(one, nth), now)
                appends[stream] = Append(seal(stream, EMPTY, events, actor=self._actor, now=now))
        return Batch(requests, streams, appends)

    def _append(self, batch: Batch) -> Sequence[Appended]:
        try:
            return self._commit.append(list(batch.appends.values()))
        except LogUnavailable as error:
            raise _in_doubt(batch, error) from error

    def _results(
        self, batch: Batch, appended: Sequence[Appended], progress: Callable[[int], object]
    ) -> list[Receipt | DifferentJob]:
        for outcome in appended:
            if outcome.error is not None:
                raise outcome.error
        new = {stream for stream, outcome in zip(batch.appends, appended, strict=True) if outcome.is_whole}
        found: list[int] = []  # the places of those that were there before; of one twice in a batch, the later one
        results: list[Receipt | DifferentJob | None] = []
        for place, stream in enumerate(batch.streams):
            if stream in new:
                new.remove(stream)
                results.append(Receipt(name_in(stream), stream, 1, created=True))
            else:
                found.append(place)
                results.append(None)
        ids = {name_in(batch.streams[place]) for place in found}
        loaded = loading.load_many(self._ground.log, self._finder, ids)
        for place in found:
            stream = batch.streams[place]
            results[place] = self._found(batch.requests[place], stream, loaded.get(name_in(stream)))
        progress(len(results))
        return [one for one in results if one is not None]

    def _found(
        self, asked: Request, stream: str, there: tuple[Recorded, Job] | LogCorrupt | None
    ) -> Receipt | DifferentJob:
        """Return what there is to say to a request for a job that was there before."""
        if not isinstance(there, tuple):
            return self._found_unreadable(asked, stream)
        first, job = there
        assert isinstance(first.event, Enqueued)
        if (field := asked.differs_from(first.event)) is not None:
            return DifferentJob(name_in(stream), field)
        return Receipt(job.id, stream, job.version, changed=False, existing=_existing(job, asked))

    def _found_unreadable(self, asked: Request, stream: str) -> Receipt | DifferentJob:
        """As `_found`, of a job with an event that cannot be read: compared as far as its first one can be."""
        raw = self._ground.log.read_raw(stream, most=1)[0]
        with suppress(LogCorrupt):
            first = decode(raw).event
            if isinstance(first, Enqueued) and (field := asked.differs_from(first)) is not None:
                return DifferentJob(name_in(stream), field)
        return Receipt(name_in(stream), stream, head_of(raw).version, changed=False)


def _refuse_names_of_others(given: Mapping[str, Any]) -> None:
    """Refuse what would be taken for a job of somebody else's making, and be in its place."""
    job, key = given.get("id"), given.get("key")
    if job is not None and is_like_a_tick(job):
        raise InvalidInput("id", "ends in a colon and a time, as those that schedules give to their jobs alone")
    if key is not None and is_of_arguments(key):
        raise InvalidInput(
            "key", "is one of those that stand for a task and its arguments: a unique task makes its own"
        )


def _in_doubt(batch: Batch, error: LogUnavailable) -> LogUnavailable:
    first, count = error.ids[0], len(error.ids)
    is_named = all(one.fields.id is not None or one.fields.key is not None for one in batch.requests)
    if count == 1:
        how = "in the same way" if is_named else f"with --id {first}"
        return error.about(
            f"job {first} was added", f"`queuectl show {first}` tells, and to ask for it again {how} is safe."
        )
    how = "in the same way" if is_named else "each with its id"
    return error.about(
        f"{count:,} jobs were added ({first} to {error.ids[-1]})",
        f"`queuectl show ID` tells of each, and to ask for them again {how} is safe.",
    )


def _existing(job: Job, asked: Request) -> Existing:
    ended_at = job.updated_at if job.state in FINAL else None
    there = job.run.cwd if isinstance(job.run, Shell) else None
    return Existing(job.state, ended_at, None if there == asked.cwd else there)


def _directory() -> str | None:
    try:
        return os.getcwdb().decode()  # UTF-8 whatever the locale: so the launcher takes it
    except (OSError, UnicodeDecodeError):
        return None


def _at_home(asked: Request) -> Request:
    """Return the request with a `cwd` that begins with `~` as the caller's shell would have written it."""
    there = asked.fields.cwd
    if there is None or not there.startswith("~"):
        return asked
    expanded = os.path.expanduser(there)
    if expanded == there:
        raise InvalidInput("cwd", f"begins with {there.partition('/')[0]}, and there is no such user here")
    check_data(expanded, "cwd")
    return replace(asked, fields=replace(asked.fields, cwd=expanded))


def _why_nowhere() -> str:
    try:
        os.getcwdb()
    except OSError:
        return "the current directory has been deleted"
    return "the current directory's name is not valid UTF-8"


def new_id() -> str:
    """Return an id that nothing has: later ones are greater."""
    import uuid

    if hasattr(uuid, "uuid7"):
        return str(uuid.uuid7())
    import uuid_utils

    return str(uuid_utils.uuid7())
