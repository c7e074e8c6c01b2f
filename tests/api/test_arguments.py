"""Whatever a program passes to the API: an argument that is none is told by its name, as every other refusal."""

import inspect
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import InvalidInput, QueueError
from eventqueue.model.job import State
from eventqueue.ports.views import Filter

ODD: dict[str, Any] = {
    "None": None,
    "zero": 0,
    "a negative number": -1,
    "beyond 32 bits": 2**31,
    "beyond 64 bits": 2**64,
    "a huge float": 1e308,
    "no number": math.nan,
    "infinity": math.inf,
    "an empty text": "",
    "a long text": "x" * 100_000,
    "NUL": "a\0b",
    "a lone surrogate": "\ud800",
    "bytes": b"bytes",
    "an object": object(),
    "a list": [],
    "a dict": {},
    "a dict with odd keys": {1: 2},
    "a list of numbers": [1],
    "a list of lists": [["x"]],
    "a list of None": [None],
    "what can be gone through once": iter([1]),
    "a function": len,
    "a class": float,
    "True": True,
    "a date without zone": datetime(2020, 1, 1),  # noqa: DTZ001 - as a caller may pass one
    "a date": datetime(2020, 1, 1, tzinfo=UTC),
    "a negative duration": timedelta(-1),
    "the longest duration": timedelta.max,
    "a filter": Filter(),
}
PARAMETERS = [
    (method, parameter)
    for method, function in inspect.getmembers(Queue, inspect.isfunction)
    if not method.startswith("_")
    for parameter in inspect.signature(function).parameters
    if parameter not in ("self", "progress")
]


@pytest.fixture(scope="module")
def used(server_uri: str) -> Iterator[Queue]:
    """A queue that all of these calls are made on."""
    with Queue(server_uri, "test_arguments", actor="tests") as queue:
        queue.enqueue(command="true", id="one")
        queue.cancel(queue.enqueue(command="true", id="over").id)
        yield queue
        queue.connection.ground.database.client.drop_database("test_arguments")


MORE = {
    "enqueue": "meta",
    "amend": "priority",
    "amend_many": "env",
    "amend_all": "priority",
    "errors": "error",
    "restart": "tags",
    "restart_many": "timeout",
    "restart_all": "queue",
    "list": "state",
    "walk": "queue",
    "find": "since",
    "count": "meta",
    "facets": "tag",
}
WRONG: Any = {"state": "daed", "limit": -1, "tag": 7, "uri": 7}  # which a type checker would not let through


def only(name: str) -> Any:
    return {name: WRONG[name]}


def call(queue: Queue, method: str, parameter: str, value: Any) -> None:
    """Make a call that would do but for this one argument."""
    function = getattr(queue, method)
    sound = {"job_id": "one", "job_ids": ["over"], "timeout": 0.0, "queue": "mail", "name": "stats", "names": []}
    if method == "configure":
        sound["name"] = "max-retries"
    if method == "retry_many":
        sound["job_ids"] = []  # else that job would be over no more for who waits for it
    if method == "wait_all":
        sound["filter_"] = Filter(queue="nowhere")  # else jobs that nobody runs are waited for
    positional, named = [], {}
    for name, one in inspect.signature(function).parameters.items():
        given = value if name == parameter else sound.get(name, one.default)
        if one.kind is one.VAR_KEYWORD:
            named.update({MORE[method]: value} if name == parameter else {})
            named.update({"command": "true"} if method == "enqueue" else {})
        elif given is one.empty:
            pass
        elif one.kind is one.KEYWORD_ONLY:
            named[name] = given
        else:
            positional.append(given)
    found = function(*positional, **named)
    if isinstance(found, Iterator):
        next(found, None)


@pytest.mark.parametrize(("method", "parameter"), PARAMETERS, ids=[f"{one}({two})" for one, two in PARAMETERS])
def test_an_odd_argument_is_taken_or_refused_by_name(used: Queue, method: str, parameter: str) -> None:
    failed = {}
    for what, value in ODD.items():
        try:
            call(used, method, parameter, value)
        except QueueError:
            pass
        except Exception as error:
            # Without an argument that a call must have: Python's own words, of the call itself.
            if not (isinstance(error, TypeError) and "missing" in str(error)):
                failed[what] = f"{type(error).__name__}: {error}"

    assert failed == {}


@pytest.mark.parametrize("field", Filter.__struct_fields__)
def test_an_odd_field_of_a_filter_is_taken_or_refused_by_name(used: Queue, field: str) -> None:
    failed = {}
    for what, value in ODD.items():
        try:
            used.list(Filter(**{field: value}))
        except QueueError:
            pass
        except Exception as error:
            failed[what] = f"{type(error).__name__}: {error}"

    assert failed == {}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda queue: queue.enqueue("echo hi"), "fields"),
        (lambda queue: queue.enqueue(print), "fields"),
        (lambda queue: queue.enqueue_many(["echo hi"]), "jobs"),
        (lambda queue: queue.enqueue_many(iter([{"command": "true"}, "echo hi"])), "1"),
        (lambda queue: queue.list("dead"), "filter_"),
        (lambda queue: queue.list(Filter(**only("state"))), "state"),
        (lambda queue: queue.list(Filter(**only("limit"))), "limit"),
        (lambda queue: queue.list(Filter(**only("tag"))), "tag"),
        (lambda queue: queue.list(Filter(), state="dead"), "state"),
        (lambda queue: queue.list(stat="dead"), "stat"),
        (lambda queue: queue.list(tags="red"), "tags"),
        (lambda queue: queue.list(tags=["\ud800"]), "tags"),
        (lambda queue: queue.list(meta={"n": 7}), "meta"),
        (lambda queue: queue.list(meta={"\x00": "x"}), "meta"),
        (lambda queue: queue.list(created_since=datetime(2026, 1, 1)), "created_since"),  # noqa: DTZ001 - that is it
        (lambda queue: queue.list(priority_min=2.5), "priority_min"),
        (lambda queue: queue.list(scan="yes"), "scan"),
        (lambda queue: queue.count(by="hours"), "by"),
        (lambda queue: queue.count(by=7), "by"),
        (lambda queue: queue.find(limit=0), "limit"),
        (lambda queue: queue.enqueue(command="true", dealy=1), "dealy"),
        (lambda queue: queue.enqueue(command="true", backoff={"capp": 1}), "backoff.capp"),
        (lambda queue: queue.wait(["one"], timeout=timedelta(seconds=-1)), "timeout"),
        (lambda queue: queue.wait("one"), "job_ids"),
        (lambda queue: queue.wait(iter([["one"]])), "job_ids"),
        (lambda queue: queue.wait(["one"], timeout="soon"), "timeout"),
        (lambda queue: queue.stats(window=None), "window"),
        (lambda queue: queue.pause_queue(None), "queue"),
        (lambda queue: queue.counters("stats", []), "prefix"),
        (lambda queue: Queue(**only("uri")), "uri"),
        (lambda queue: Queue("mongodb://localhost", actor=""), "actor"),
    ],
)
def test_the_argument_that_is_wrong_is_named(used: Queue, wrong: Callable[[Queue], Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{named}: "):
        wrong(used)


def test_a_state_may_be_given_by_its_name(used: Queue) -> None:
    used.retry(used.cancel("one").id)
    state: Any = "pending"

    assert "one" in [job.id for job in used.list(Filter(state=state)).jobs]


def test_jobs_are_chosen_by_the_fields_of_a_filter_too(used: Queue) -> None:
    used.enqueue(command="true", id="typed", queue="typed", tags=["a", "b"], delay=timedelta(days=1))
    kept = {"state": State.PENDING, "queue": "typed", "tag": "b"}

    for wrong in ({}, {"state": State.DEAD}, {"queue": "other"}, {"tag": "c"}):
        chosen: Any = {**kept, **wrong}
        expected = [] if wrong else ["typed"]
        assert [job.id for job in used.list(**chosen).jobs] == expected
        assert [job.id for job in used.walk(**chosen).jobs] == expected
        assert list(used.find(**chosen).ids) == expected


def test_nothing_was_changed_by_what_was_refused(used: Queue, database: Database[dict[str, Any]]) -> None:
    job = used.get("one")

    with pytest.raises(InvalidInput):
        used.cancel("one", why=7)  # type: ignore[arg-type]

    assert used.get("one") == job
