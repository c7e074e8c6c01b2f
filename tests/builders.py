"""Ready-made values: the fields a test does not speak of are filled in here, so that those it speaks of stand out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.model import spec
from eventqueue.model.amending import amendment
from eventqueue.model.codec import Sealed, seal
from eventqueue.model.events import (
    EMPTY,
    Amended,
    Cancelled,
    Claimed,
    Completed,
    ConfigSet,
    DeadLettered,
    Enqueued,
    Error,
    Event,
    Failed,
    FailReason,
    Head,
    Recorded,
    Released,
    Retried,
    RetryAmended,
    RetryCause,
    Terms,
)
from eventqueue.model.job import USED_UP, Amend, Claim, Complete, Fail, Job, Release, fold
from eventqueue.model.retry import Backoff
from eventqueue.model.spec import Defaults, Request
from eventqueue.ports.log import Append

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
BEFORE = NOW - timedelta(minutes=1)
BOOM = Error(type="exit-code", message="It ended with 1.")


def request(defaults: Defaults | None = None, **fields: Any) -> Request:
    """A checked request for `true`, unless `command` says otherwise."""
    return spec.request({"command": "true", **fields}, defaults or Defaults())


# Events, one of each kind.


def enqueued(**fields: Any) -> Enqueued:
    """What a request with these fields becomes at NOW."""
    return request(**fields).enqueued(NOW)


def called(task: str = "send", **fields: Any) -> Enqueued:
    """As `enqueued`, of a Python task."""
    return spec.request({"task": task, **fields}, Defaults()).enqueued(NOW)


def claimed(worker: str = "worker-1", attempt: int = 1) -> Claimed:
    """A claim by `worker`."""
    return Claimed(worker=worker, host="host", pid=1, attempt=attempt)


def failed(retry_at: datetime | None = SOON) -> Failed:
    """A failure with its retry to come."""
    return Failed(reason=FailReason.ERROR, error=BOOM, retry_at=retry_at)


COMPLETED = Completed(result="done", exit_code=0, duration=1.5)
USED_UP_FAILURE = failed(retry_at=None)
DEAD_LETTERED = DeadLettered(reason=USED_UP)
RELEASED = Released(reason="graceful stop", due_at=SOON)
CANCELLED = Cancelled(why="no longer needed")
RETRIED_BY_OPERATOR = Retried(cause=RetryCause.OPERATOR, why="the bug is mended")
AMENDED = Amended(was=Terms(priority=0), now=Terms(priority=5), why="the customer waits")
RETRY_AMENDED = RetryAmended(was=Terms(priority=0), now=Terms(priority=5))
RETRIED_AFTER_WAIT = Retried(cause=RetryCause.BACKOFF)

JOURNEYS: Mapping[str, tuple[Event, ...]] = MappingProxyType(
    {
        "not there": (),
        "pending": (enqueued(),),
        "pending, expired": (replace(enqueued(), expires_at=BEFORE),),
        "processing": (enqueued(), claimed()),
        "processing, its retries used up": (enqueued(max_retries=0), claimed()),
        "failed, to be retried": (enqueued(), claimed(), failed()),
        "failed, to be retried, expired": (replace(enqueued(), expires_at=BEFORE), claimed(), failed()),
        "failed, not yet dead-lettered": (enqueued(max_retries=0), claimed(), USED_UP_FAILURE),
        "completed": (enqueued(), claimed(), COMPLETED),
        "dead": (enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED),
        "cancelled": (enqueued(), CANCELLED),
    }
)
"""Every kind of job that `decide` can tell apart, and how it came to be that."""


# Histories, jobs and appends.


def sealed(
    *events: Event, stream: str = "job-one", head: Head = EMPTY, now: datetime = NOW, cause: bytes | None = None
) -> tuple[Sealed, ...]:
    """The events, ready to be stored on top of `head`."""
    return seal(stream, head, events, actor="test", now=now, cause=cause)


def history(*events: Event, stream: str = "job-one", head: Head = EMPTY, now: datetime = NOW) -> list[Recorded]:
    """The events in their envelopes, chained onto `head`."""
    return [one.recorded for one in sealed(*events, stream=stream, head=head, now=now)]


def job(*events: Event) -> Job:
    """The job that these events lead to."""
    folded = fold(history(*events))
    assert folded is not None
    return folded


def job_that_is(kind: str) -> Job | None:
    """The job at the end of one of the JOURNEYS."""
    return fold(history(*JOURNEYS[kind]))


def append(stream: str, *events: Event, head: Head = EMPTY, now: datetime = NOW) -> Append:
    """An append of `events` (one that says little, if none are given) onto `head`."""
    return Append(sealed(*(events or (said("something"),)), stream=stream, head=head, now=now))


def said(value: Any) -> ConfigSet:
    """An event that carries any JSON value."""
    return ConfigSet(name="said", value=value)


def without_ts(recorded: Recorded) -> Recorded:
    """The event as its writer knows it: `ts` is the server's to fill in."""
    return replace(recorded, ts=None)


# Commands with the fields that do not matter here.

CLAIM = Claim("worker-2", "host", 2)


def complete(claim: int) -> Complete:
    """Settle `claim`: it succeeded."""
    return Complete(claim=claim, value="done", exit_code=0)


def fail(claim: int, chance: float = 0.0) -> Fail:
    """Settle `claim`: it failed."""
    return Fail(claim=claim, reason=FailReason.ERROR, error=BOOM, chance=chance, exit_code=1)


def release(claim: int) -> Release:
    """Hand `claim` back."""
    return Release(claim=claim, reason="graceful stop")


def amend(why: str | None = None, unset: Sequence[str] = (), **fields: Any) -> Amend:
    """Change these fields, and take those away."""
    return Amend(amendment(fields, unset), why)


# JSON values, of all kinds that may be stored.

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Names that mean something to MongoDB, to drivers or to languages, and must mean nothing here.
_telling = st.sampled_from(["", "$ref", "$id", "$db", "$gt", "$oid", "_id", "a.b", "__proto__", "type", "ts", "hash"])
_keys = _text.filter(lambda key: "\x00" not in key) | _telling
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text
    | _telling
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_keys, inner, max_size=5), max_leaves=15
)
json_objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(_keys, json_values, max_size=5)
backoffs: st.SearchStrategy[Backoff] = st.builds(
    Backoff, base=st.floats(0, 1e9), cap=st.floats(0, 3_153_600_000.0), jitter=st.floats(0, 1)
)
