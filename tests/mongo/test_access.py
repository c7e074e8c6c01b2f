"""What a writer's role may do: add to the log and read it, and nothing that changes it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from eventqueue.api.queue import Queue
from eventqueue.errors import AccessDenied, InvalidInput
from eventqueue.model.events import Completed
from eventqueue.model.job import State
from eventqueue.mongo.layout import EVENT_SCHEMA, VALIDATOR, prepare
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.watches import Watches
from eventqueue.ports.log import Appended
from tests.builders import append, claimed, said, without_ts
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.cli.past import happened
from tests.mongo.conftest import Store
from tests.patience import PATIENCE_S

Client = MongoClient[dict[str, Any]]
FIND, INSERT = "find", "insert"
UNAUTHORIZED = 13


@pytest.fixture
def guarded_store(guarded: Client) -> Iterator[Store]:
    """A prepared database as root sees it, on a server that checks access."""
    store = guarded[f"test_{uuid4().hex[:16]}"]
    prepare(store)
    yield store
    store.command("dropAllUsersFromDatabase")
    store.command("dropAllRolesFromDatabase")
    guarded.drop_database(store)


Enter = Callable[..., Store]


@pytest.fixture
def enter(guarded_store: Store, guarded_uri: str) -> Iterator[Enter]:
    """Opens the database as a user who has the given actions on the log's collection, and nothing else."""
    clients: list[Client] = []

    def enter(*actions: str) -> Store:
        name = f"user{len(clients)}"
        privileges = [{"resource": {"db": guarded_store.name, "collection": "events"}, "actions": actions}]
        guarded_store.command("createRole", name, privileges=privileges, roles=[])
        guarded_store.command("createUser", name, pwd="pw", roles=[name])
        host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
        uri = f"mongodb://{name}:pw@{host}/?directConnection=true&authSource={guarded_store.name}"
        clients.append(Client(uri, timeoutMS=30_000))
        return clients[-1][guarded_store.name]

    yield enter
    for client in clients:
        client.close()


@pytest.fixture
def writer(enter: Enter) -> Store:
    return enter(FIND, INSERT)


def test_the_log_works_under_a_role_that_may_only_find_and_insert(writer: Store) -> None:
    log = MongoLog(writer)
    one, rival = append("job-one", said(1), said(2)), append("job-one", said("late"))

    assert log.append([one]) == [Appended(2)]
    assert log.append([one]) == [Appended(2)]
    assert log.append([rival]) == [Appended(0, conflict=one.recorded[0].hash)]
    assert [without_ts(recorded) for recorded in log.read("job-one")] == one.recorded
    assert list(log.scan()) == log.read("job-one")
    assert log.find_streams("job-", 5) == ["job-one"]
    assert log.find_next([("job-one", 1)]) == {"job-one"}


def test_who_may_not_change_the_validator_of_an_older_database_works_in_it_all_the_same(
    enter: Enter, guarded_store: Store
) -> None:
    guarded_store.command("collMod", "events", validator={"$jsonSchema": EVENT_SCHEMA})
    guarded_store["layout"].update_one({}, {"$unset": {"validator": 1}})
    writer = enter(FIND, INSERT)
    on_layout = {"resource": {"db": guarded_store.name, "collection": "layout"}, "actions": [FIND]}
    guarded_store.command("grantPrivilegesToRole", "user0", privileges=[on_layout])

    assert prepare(writer) == prepare(guarded_store)
    assert guarded_store["events"].options()["validator"] == VALIDATOR


def test_a_program_enqueues_retries_cancels_pauses_and_schedules_under_the_role_that_readme_names(
    enter: Enter, guarded_store: Store, guarded_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    enter(FIND, INSERT)
    on_layout = {"resource": {"db": guarded_store.name, "collection": "layout"}, "actions": [FIND]}
    guarded_store.command("grantPrivilegesToRole", "user0", privileges=[on_layout])
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    uri = f"mongodb://user0:pw@{host}/?directConnection=true&authSource={guarded_store.name}"

    with Queue(uri, guarded_store.name, actor="program") as queue:
        job = queue.enqueue(command="true", key="of the day").id
        assert not queue.enqueue(command="true", key="of the day").created
        assert queue.cancel(job).version == 2
        assert queue.retry(job).version == 3
        queue.pause_queue("default", "a deploy")
        queue.schedule("nightly", {"command": "true"}, every=60)
        assert caplog.messages == []
        assert [event.actor for event in queue.history(job)] == [f"program as user0@{guarded_store.name}"] * 3
        with pytest.raises(AccessDenied) as refused:
            queue.status()

    assert "clusterTime" not in str(refused.value)


@pytest.mark.parametrize("more", [(), ("changeStream",)], ids=["find", "find and follow"])
def test_who_may_only_read_the_log_waits_for_jobs(
    enter: Enter, guarded_store: Store, guarded_uri: str, more: tuple[str, ...]
) -> None:
    enter(FIND, *more)
    on_layout = {"resource": {"db": guarded_store.name, "collection": "layout"}, "actions": [FIND]}
    guarded_store.command("grantPrivilegesToRole", "user0", privileges=[on_layout])
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    uri = f"mongodb://user0:pw@{host}/?directConnection=true&authSource={guarded_store.name}"

    with Queue(guarded_uri, guarded_store.name) as near, Queue(uri, guarded_store.name) as reader:
        handle = reader.handle(near.enqueue(command="true").id)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(handle.result, 30)
            while not reader.connection.endings._listeners:  # it waits
                pass
            happened(near, handle.id, claimed(), Completed(result=7))

            assert waiting.result(PATIENCE_S) == 7


def test_so_it_is_from_the_command_line_where_who_works_is_not_to_be_told(
    enter: Enter, guarded_store: Store, guarded_uri: str
) -> None:
    enter(FIND)
    on_layout = {"resource": {"db": guarded_store.name, "collection": "layout"}, "actions": [FIND]}
    guarded_store.command("grantPrivilegesToRole", "user0", privileges=[on_layout])
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    uri = f"mongodb://user0:pw@{host}/?directConnection=true&authSource={guarded_store.name}"
    with Queue(guarded_uri, guarded_store.name) as near:
        near.enqueue(command="true", id="one")

    over = Queuectl(environ(uri, guarded_store.name)).here("wait", "one", "--timeout", "0")

    assert over.code == 1
    assert "Waited 0 s for job one to end" in over.err


CHANGES: dict[str, Callable[[Store], object]] = {
    "update": lambda store: store.events.update_one({}, {"$set": {"actor": "forger"}}),
    "update many": lambda store: store.events.update_many({}, {"$unset": {"hash": 1}}),
    "upsert": lambda store: store.events.update_one({"_id": 1}, {"$set": {"actor": "forger"}}, upsert=True),
    "replace": lambda store: store.events.replace_one({}, {"actor": "forger"}),
    "find and modify": lambda store: store.events.find_one_and_update({}, {"$set": {"actor": "forger"}}),
    "find and delete": lambda store: store.events.find_one_and_delete({}),
    "delete": lambda store: store.events.delete_one({}),
    "delete many": lambda store: store.events.delete_many({}),
    "merge": lambda store: list(store.events.aggregate([{"$set": {"actor": "forger"}}, {"$merge": "events"}])),
    "overwrite": lambda store: list(store.events.aggregate([{"$limit": 1}, {"$out": "events"}])),
    "drop": lambda store: store.drop_collection("events"),
    "rename": lambda store: store.events.rename("forged"),
    "lift the validator": lambda store: store.command("collMod", "events", validator={}),
    "expire": lambda store: store.events.create_index("at", expireAfterSeconds=1),
    "slip past the validator": lambda store: store.events.insert_one({"x": 1}, bypass_document_validation=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_under_that_role_nothing_in_the_log_can_be_changed(writer: Store, guarded_store: Store, change: str) -> None:
    MongoLog(writer).append([append("job-one", said(1))])
    before = MongoLog(guarded_store).read_raw("job-one")

    with pytest.raises(OperationFailure) as refused:
        CHANGES[change](writer)

    assert refused.value.code == UNAUTHORIZED
    assert MongoLog(guarded_store).read_raw("job-one") == before


def test_a_role_without_insert_is_told_that_it_lacks_a_right(enter: Enter) -> None:
    reader = MongoLog(enter(FIND), deadline=5)

    with pytest.raises(AccessDenied, match="roles"):
        reader.append([append("job-one")])
    assert reader.read("job-one") == []


def test_a_role_without_find_is_told_that_it_lacks_a_right(enter: Enter) -> None:
    with pytest.raises(AccessDenied):
        MongoLog(enter(INSERT)).read("job-one")


def test_a_wrong_password_is_told_without_showing_it(guarded_store: Store, guarded_uri: str) -> None:
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    with Client(f"mongodb://root:s3cret@{host}/?directConnection=true") as client:
        log = MongoLog(client[guarded_store.name], deadline=5)

        with pytest.raises(AccessDenied, match="password") as refused:
            log.append([append("job-one")])

    assert "s3cret" not in str(refused.value)


def test_who_may_only_read_gets_an_answer_with_its_lag_though_nobody_keeps_the_views(
    guarded_store: Store, guarded_uri: str
) -> None:
    with Queue(guarded_uri, guarded_store.name, actor="root") as root:
        root.enqueue(command="true", id="one")
        assert root.list().lag.is_fresh
        root.enqueue(command="true", id="two")
    privileges = [{"resource": {"db": guarded_store.name, "collection": ""}, "actions": ["find", "changeStream"]}]
    guarded_store.command("createRole", "reader", privileges=privileges, roles=[])
    guarded_store.command("createUser", "reader", pwd="pw", roles=["reader"])
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    uri = f"mongodb://reader:pw@{host}/?directConnection=true&authSource={guarded_store.name}"

    with Queue(uri, guarded_store.name, actor="reader") as reader:
        listing = reader.list()
        assert [job.id for job in listing.jobs] == ["one"]
        assert listing.lag.seconds
        assert reader.status().count(State.PENDING) == 1
        assert reader.stats().total.enqueued == 1
        assert sum(one.enqueued for one in reader.rates()) == 1
        assert [one.name for one in reader.projections()] == ["jobs", "stats"]
        assert reader.queues()[0].name == "default"
        assert reader.connection.views.snapshot()["applied"] == 1
        assert reader.count(state=State.PENDING, tags=()).count == 1
        assert reader.metrics().queues["default"].counts[State.PENDING] == 1
        assert reader.workers_gone() == []
        assert [job.id for job in reader.glance().failures] == []
        assert [one.event for one in reader.history("two")] != []
        assert reader.waits(listing.jobs)["one"].kind == "unserved"
        then = reader.at(reader.connection.ground.clock.now())
        assert then.status().count(State.PENDING) == 2  # from the log, which the views are behind
        assert [job.id for job in then.list().jobs] == ["two", "one"]
        assert [one.name for one in then.queues()] == ["default"]
        with pytest.raises(AccessDenied):
            reader.enqueue(command="true")


@pytest.mark.parametrize("claimed", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_the_actor_is_who_the_machine_and_the_database_know_and_not_who_the_environment_says(
    guarded_uri: str, guarded_store: Store, monkeypatch: pytest.MonkeyPatch, claimed: str
) -> None:
    monkeypatch.setenv(claimed, "ceo")
    guarded_store.command("createUser", "ann", pwd="pw", roles=["readWrite"])
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    uri = f"mongodb://ann:pw@{host}/?directConnection=true&authSource={guarded_store.name}"

    with Queue(uri, guarded_store.name) as queue:
        job = queue.enqueue(command="true").id
        (enqueued,) = queue.history(job)

    assert enqueued.actor.endswith(f" as ann@{guarded_store.name}")
    assert "ceo" not in enqueued.actor


def test_an_actor_cannot_call_itself_a_user_of_the_database(server_uri: str) -> None:
    with pytest.raises(InvalidInput, match="actor"):
        Queue(server_uri, "test_actors", actor="ann as root@admin")


def test_who_may_not_write_cannot_ask_what_a_job_writes(enter: Enter) -> None:
    with pytest.raises(AccessDenied):
        Watches(enter(FIND)).look(("one", 2))
