"""The public API, as an application calls it."""

import inspect
import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue import Queue, Receipt
from eventqueue.api.bulk import Acted
from eventqueue.api.enqueueing import BATCH, Existing
from eventqueue.audit import tally
from eventqueue.audit.tally import Tally
from eventqueue.errors import DifferentJob, InvalidInput, JobNotFound, QueueError, Refused, Unavailable, WaitTimeout
from eventqueue.model.events import Cancelled, Shell
from eventqueue.model.job import State
from eventqueue.ports.log import Append, Appended
from eventqueue.ports.views import Filter, Lag


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, db=database.name) as queue:
        yield queue


def test_of_many_jobs_the_bad_one_is_named_by_its_place_and_none_is_enqueued(queue: Queue) -> None:
    with pytest.raises(InvalidInput) as refused:
        queue.enqueue_many([{"command": "true"}, {"command": "true", "delay": -1}])
    assert refused.value.field == "1.delay"
    assert queue.list().jobs == []


def test_one_bad_job_is_named_by_its_field_alone(queue: Queue) -> None:
    with pytest.raises(InvalidInput) as refused:
        queue.enqueue(command="true", delay=-1)
    assert refused.value.field == "delay"


BY_ID: dict[str, Callable[[Queue, str], Any]] = {
    "get": Queue.get,
    "history": Queue.history,
    "handle": Queue.handle,
    "replay": Queue.replay,
    "ending": Queue.ending,
    "why": Queue.why,
    "cancel": Queue.cancel,
    "retry": Queue.retry,
    "amend": lambda queue, job_id: queue.amend(job_id, priority=1),
    "restart": Queue.restart,
    "restarts": Queue.restarts,
    "restart_many": lambda queue, job_id: raised(queue.restart_many([job_id])),
    "verify": Queue.verify,
    "wait": lambda queue, job_id: queue.wait([job_id], timeout=0),
    "retry_parked": lambda queue, job_id: queue.retry_parked("jobs", job_id),
    "cancel_many": lambda queue, job_id: raised(queue.cancel_many([job_id])),
    "retry_many": lambda queue, job_id: raised(queue.retry_many([job_id])),
    "amend_many": lambda queue, job_id: raised(queue.amend_many([job_id], priority=1)),
    "follow_output": lambda queue, job_id: next(queue.follow_output(job_id)),
}


def raised(acts: Iterator[Acted]) -> None:
    """Raise what became of the one job."""
    (one,) = acts
    if isinstance(one.outcome, QueueError):
        raise one.outcome


@pytest.fixture(scope="module")
def with_orphan(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queue]:
    """A queue with one job, which nobody may change."""
    name = f"test_{uuid4().hex[:16]}"
    with Queue(server_uri, db=name) as queue:
        queue.wait_for(queue.enqueue(command="true", id="orphan"))
        yield queue
    client.drop_database(name)


@pytest.mark.parametrize("part", ["orph", "", "orphan-", "ORPHAN", "job-orphan"])
@pytest.mark.parametrize("method", BY_ID)
def test_a_part_of_an_id_is_no_id(with_orphan: Queue, method: str, part: str) -> None:
    with pytest.raises(Refused, match=f"'{part}'|Job {part} is not parked"):
        BY_ID[method](with_orphan, part)

    assert len(with_orphan.history("orphan")) == 1


def test_every_method_that_takes_an_id_is_among_these() -> None:
    methods = inspect.getmembers(Queue, inspect.isfunction)
    taking = {name for name, one in methods if {"job_id", "job_ids"} & inspect.signature(one).parameters.keys()}

    assert {name for name in taking if not name.startswith("_")} == {
        *BY_ID,
        "output",
        "output_so_far",
    }  # where nothing is kept of others


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory below `tmp_path`, entered."""
    directory = tmp_path / "below"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def directory(queue: Queue, job_id: str) -> str | None:
    run = queue.get(job_id).run
    assert isinstance(run, Shell)
    return run.cwd


@pytest.mark.parametrize("asked", [None, ".", "sub", "../other", "/srv"])
def test_a_job_runs_where_it_was_asked_for_wherever_its_worker_stands(
    queue: Queue, below: Path, asked: str | None
) -> None:
    found = directory(queue, queue.enqueue(command="true", cwd=asked).id)

    assert found is not None
    assert Path(found).is_absolute()
    assert os.path.normpath(found) == os.path.normpath(below / (asked or ""))


@pytest.mark.parametrize(("asked", "found"), [("~", ""), ("~/sub", "/sub"), ("~root", None), ("./~", None)])
def test_a_tilde_is_the_home_of_who_asks_as_in_a_shell(
    queue: Queue, below: Path, monkeypatch: pytest.MonkeyPatch, asked: str, found: str | None
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    elsewhere = {"~root": pwd.getpwnam("root").pw_dir, "./~": f"{below}/./~"}

    receipt = queue.enqueue(command="true", id="one", cwd=asked)

    assert directory(queue, receipt.id) == (elsewhere[asked] if found is None else f"/home/ada{found}")
    assert queue.enqueue(command="true", id="one", cwd=asked).existing == Existing(State.PENDING, None, None)


def test_a_home_that_is_nowhere_is_refused(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"^cwd: begins with ~nobody-here, and there is no such user here$"):
        queue.enqueue(command="true", cwd="~nobody-here/sub")
    monkeypatch.setenv("HOME", "/home/\udcff")
    with pytest.raises(InvalidInput, match=r"^cwd: is not valid UTF-8"):
        queue.enqueue(command="true", cwd="~")


@pytest.mark.parametrize("asked", [None, "sub", "."])
def test_what_is_asked_for_in_a_deleted_directory_is_refused_unless_it_says_where_to_run(
    queue: Queue, below: Path, asked: str | None
) -> None:
    below.rmdir()

    with pytest.raises(InvalidInput, match=r"cwd: must be given as an absolute path: .* deleted"):
        queue.enqueue(command="true", cwd=asked)
    with pytest.raises(InvalidInput, match=r"0\.cwd"):
        queue.enqueue_many([{"command": "true", "cwd": asked}])

    assert queue.list().jobs == []
    assert directory(queue, queue.enqueue(command="true", cwd="/srv").id) == "/srv"


def test_a_directory_whose_name_is_no_text_is_no_place_for_a_job(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(directory)
    monkeypatch.chdir(os.fsdecode(directory))

    with pytest.raises(InvalidInput, match=r"cwd: must be given as an absolute path: .* not valid UTF-8"):
        queue.enqueue(command="true")


LARGE: dict[str, Callable[[int], Any]] = {
    "env": lambda size: {f"A{number:03}": "x" * 1000 for number in range(size // 1000)},
    "meta": lambda size: {"a": ["x" * 1000] * (size // 1000)},
}


@pytest.mark.parametrize("field", LARGE)
def test_the_fields_of_a_job_may_have_256_kib_together_and_the_largest_is_named(queue: Queue, field: str) -> None:
    asked = {"command": "true", "cwd": "/", "env": {"A": "b"}, "tags": ["x"], "key": "x", "meta": {"a": [1, 2.5]}}
    receipt = queue.enqueue({**asked, field: LARGE[field](250_000)})

    with pytest.raises(
        InvalidInput, match=rf"^{field}: has 2\d\d,\d+ bytes of 2\d\d,\d+; .* may have 262,144 together"
    ):
        queue.enqueue({**asked, field: LARGE[field](262_144)})
    with pytest.raises(InvalidInput, match=r"^env: has 15\d,\d+ bytes of 2\d\d,\d+"):
        queue.enqueue(command="x" * 120_000, env=LARGE["env"](150_000))

    queue.wait_for(receipt)  # the views take what the log has taken
    assert queue.list().jobs == [queue.get(receipt.id)]


SOON = {"command": "true", "delay": 60}


def test_a_delay_beyond_the_jobs_end_is_refused_and_one_within_it_is_not(queue: Queue) -> None:
    now = queue.connection.ground.clock.now()

    with pytest.raises(InvalidInput, match="expires_at: is not after the delay"):
        queue.enqueue(SOON, expires_at=now + timedelta(seconds=59))
    with pytest.raises(InvalidInput) as refused:
        queue.enqueue_many([SOON, {**SOON, "expires_at": now}])

    assert refused.value.field == "1.expires_at"
    assert queue.list().jobs == []
    assert queue.enqueue(SOON, expires_at=now + timedelta(minutes=10)).created


def test_a_job_that_has_expired_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match=r"^expires_at: is in the past$"):
        queue.enqueue(command="true", expires_at=queue.connection.ground.clock.now())

    assert queue.list().jobs == []


@pytest.mark.parametrize("fields", [SOON, {"command": "true"}], ids=["delayed", "at once"])
@pytest.mark.parametrize("name", ["id", "key"])
def test_a_job_that_was_in_time_is_the_same_job_when_it_is_asked_for_again_too_late(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, name: str, fields: dict[str, Any]
) -> None:
    clock = queue.connection.ground.clock
    later = clock.now() + timedelta(hours=1)
    asked = {**fields, name: "same", "expires_at": later}
    first = queue.enqueue(asked)

    monkeypatch.setattr(type(clock), "now", lambda _: later)

    assert (queue.enqueue(asked).created, queue.enqueue(asked).id) == (False, first.id)


def test_many_jobs_are_cancelled_by_few_appends_and_each_is_told_of(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"job-{number:04}" for number in range(700)]
    queue.enqueue_many([{"command": "true", "id": job_id} for job_id in ids])
    queue.cancel(ids[3])
    appended: list[int] = []
    append = queue._commit.append

    def counted(batch: Sequence[Append]) -> Sequence[Appended]:
        appended.append(len(batch))
        return append(batch)

    monkeypatch.setattr(queue._commit, "append", counted)

    found = list(acting := queue.cancel_many([*ids, "nobody", ids[0]], "a test"))

    assert [one.job_id for one in found] == [*ids, "nobody", ids[0]]
    done = [one.outcome for one in found if isinstance(one.outcome, Receipt)]
    assert [one.id for one in done if not one.changed] == [ids[3], ids[0]]
    assert [type(one.outcome) for one in found if one.job_id == "nobody"] == [JobNotFound]
    assert appended == [499, 200]
    assert {queue.get(job_id).state for job_id in ids} == {State.CANCELLED}
    assert queue.history(ids[9])[-1].event == Cancelled(why="a test", act=acting.id)


def test_what_loses_a_race_against_another_is_looked_at_again(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue_many([{"command": "true", "id": job_id} for job_id in ("one", "two")])
    append = queue._commit.append

    def late(batch: Sequence[Append]) -> Sequence[Appended]:
        monkeypatch.undo()
        queue.cancel("two", "by another")
        return append(batch)

    monkeypatch.setattr(queue._commit, "append", late)

    one, two = queue.cancel_many(["one", "two"])

    assert isinstance(one.outcome, Receipt)
    assert isinstance(two.outcome, Receipt)
    assert (one.outcome.changed, two.outcome.changed) == (True, False)
    assert queue.history("two")[-1].event == Cancelled(why="by another")


def test_what_is_done_of_a_batch_is_told_before_what_stopped_it(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue_many([{"command": "true", "id": job_id} for job_id in ("one", "two", "three", "four")])
    append, read_many = queue._commit.append, queue._log.read_many
    asked: list[int] = []

    def late(batch: Sequence[Append]) -> Sequence[Appended]:
        monkeypatch.setattr(queue._commit, "append", append)
        queue.cancel("two", "by another")
        return append(batch)

    def once(streams: Any, *most: Any) -> Any:
        asked.append(len(streams))
        if asked.count(1) == 2:  # after the other's cancel
            raise Unavailable("No server.")
        return read_many(streams, *most)

    monkeypatch.setattr(queue._commit, "append", late)
    monkeypatch.setattr(queue._log, "read_many", once)
    found = queue.cancel_many(["nobody", "one", "two", "three"])

    assert [next(found).job_id for _ in range(3)] == ["nobody", "one", "three"]
    with pytest.raises(Unavailable):
        next(found)


def test_ids_are_found_by_a_filter_the_oldest_first_whatever_its_limit(queue: Queue) -> None:
    ids = [f"job-{number}" for number in (9, 10, 8)]
    queue.enqueue_many([{"command": "true", "id": job_id, "tags": ["x"]} for job_id in ids])

    assert queue.find(Filter(limit=1)).ids == queue.find(Filter(tag="x")).ids == ids
    assert queue.find(Filter(queue="other")).ids == []
    assert queue.count(Filter(limit=1)).count == queue.count(tag="x").count == len(ids)
    assert [(one.value, one.count) for one in queue.count(by="tag", limit=1).kinds] == [("x", len(ids))]
    assert [(one.value, one.count) for one in queue.count(by="state").kinds] == [("pending", len(ids))]


def test_the_same_job_twice_in_one_batch_is_one_job_and_another_under_its_id_is_refused(queue: Queue) -> None:
    first, same, other = queue.enqueue_many([{"command": "true", "id": "a"}] * 2 + [{"command": "false", "id": "a"}])
    assert isinstance(first, Receipt)
    assert first.created
    assert same == replace(first, created=False, changed=False, existing=Existing(State.PENDING, None, None))
    assert isinstance(other, DifferentJob)
    assert len(queue.history("a")) == 1


def test_a_receipt_is_waited_for_until_the_views_show_it(queue: Queue) -> None:
    receipt = queue.cancel(queue.enqueue(command="true").id)
    queue.wait_for(receipt)
    assert queue.status().count(State.CANCELLED) == 1


def test_who_may_see_stale_views_is_told_so_and_not_made_to_wait_for_ever(
    queue: Queue,
) -> None:
    receipt = queue.enqueue(command="true")
    queue.wait_for(receipt)
    ahead = Receipt(receipt.id, receipt.stream, receipt.version + 1)  # of an event that nobody has seen yet

    assert queue.wait_for(receipt, may_be_stale=True)
    assert not queue.wait_for(ahead, timeout=0, may_be_stale=True)
    with pytest.raises(WaitTimeout):
        queue.wait_for(ahead, timeout=0)


def test_waiting_for_a_job_ends_at_the_timeout(queue: Queue) -> None:
    with pytest.raises(WaitTimeout):
        queue.wait([queue.enqueue(command="true").id], timeout=0)


def test_many_jobs_go_in_batches_and_each_has_its_result_in_its_place(queue: Queue) -> None:
    told: list[int] = []
    asked = [queue.check({"command": "true", "id": f"many-{number}"}) for number in range(2 * BATCH + 7)]
    again = queue.check({"command": "false", "id": "many-3"})

    results = queue.enqueue_checked([*asked, again], told.append)

    assert told == [BATCH, BATCH, 8]
    assert [one.id for one in results if isinstance(one, Receipt) and one.created] == [one.fields.id for one in asked]
    assert isinstance(results[-1], DifferentJob)


def test_that_jobs_are_too_many_to_be_counted_one_by_one_is_known_before_they_are(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue_many([{"command": "true", "tags": ["x"]} for _ in range(4)])
    monkeypatch.setattr(tally, "VAIN_MAX", 3)
    looked_at: list[object] = []
    monkeypatch.setattr(queue._views, "traits", lambda *_, **__: looked_at)

    with pytest.raises(Refused, match="more than 3 jobs"):
        queue.count(by="tag")
    monkeypatch.undo()
    monkeypatch.setattr(tally, "VAIN_MAX", 3)

    with pytest.raises(Refused, match="more than 3 jobs"):
        queue.count(tag="x")
    assert queue.count(tag="x", scan=True) == Tally(4, (), Lag(0.0))
    assert [one.count for one in queue.count(by="tag", scan=True).kinds] == [4]
    assert queue.count(by="queue").count == queue.count().count == 4


def test_a_lag_that_takes_too_long_to_tell_is_unknown_and_the_rest_is_shown(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long() -> Lag:
        raise Unavailable("What has come could not be looked through in time.")

    queue.enqueue(command="true")
    queue.status()
    monkeypatch.setattr(queue.connection.views, "lag", too_long)

    glance, metrics = queue.glance(), queue.metrics()

    assert (glance.lag, metrics.lag) == (Lag(None), Lag(None))
    assert glance.queues == {"default": {State.PENDING: 1}}
    assert metrics.queues["default"].counts == glance.queues["default"]
