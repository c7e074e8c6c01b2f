"""`queuectl doctor`: what it looks at, and what it says where something is amiss."""

import re
from datetime import timedelta
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.connect import make_ticker
from eventqueue.model.codec import seal
from eventqueue.model.events import Event, Resumed, stream_of
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.ground import stand_on
from eventqueue.schedules.events import Missed, Overlap
from eventqueue.schedules.ticks import job_id
from projections.folds.stats import Stats
from projections.registry import PROJECTIONS
from tests.builders import NOW, enqueued
from tests.cli.commands import Queuectl, Ran
from tests.cli.past import died
from tests.mongo.servers import running
from tests.projections.stage import build
from tests.ticking.conftest import happened, hourly

CHECKS = [
    *("connection", "replica set", "durability", "transactions", "layout", "rights", "clock", "sizes", "settings"),
    *("projector", "workers", "queues", "tasks", "schedules", "seals", "lost"),
]


def check(ran: Ran, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in ran.json["checks"] if one["name"] == name)
    return found


class Cost(Stats):
    name = "cost"


def test_views_of_a_projection_that_is_not_installed_here_are_told_with_what_to_do(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    build(stand_on(database), [*PROJECTIONS, Cost()])

    ran = queuectl.here("doctor")

    assert "this process has jobs" in ran.out
    assert "`queuectl projections rebuild --without cost`" in ran.out
    assert queuectl.ok("projections", "rebuild", "--without", "cost")


def test_all_is_well_in_a_new_database(queuectl: Queuectl) -> None:
    ran = queuectl.process("doctor", "--json")

    assert (ran.code, ran.json["ok"]) == (0, True)
    assert [one["name"] for one in ran.json["checks"]] == CHECKS
    assert all(one["found"] and one["remedy"] is None for one in ran.json["checks"])


def test_a_schedule_whose_jobs_nobody_makes_is_told_until_somebody_does(queuectl: Queuectl, queue: Queue) -> None:
    ticks = hourly(queue, "nightly", missed=Missed.SKIP)
    hourly(queue, "held", overlap=Overlap.SKIP)
    hourly(queue, "paused")
    queue.pause_schedule("paused")

    found = check(queuectl.here("doctor", "--json"), "schedules")

    assert found["found"] == f"of schedule nightly there is no job for the tick of {ticks[-1]:%Y-%m-%dT%H:%M:%SZ}"
    assert "`queuectl projector start`" in found["remedy"]
    make_ticker(queue.connection, {}).step()
    mended = check(queuectl.here("doctor", "--json"), "schedules")
    assert (mended["found"], mended["remedy"]) == ("3 schedules, with a job for each tick", None)


def test_a_job_that_stands_in_the_way_of_a_tick_is_told(queuectl: Queuectl, queue: Queue) -> None:
    queue.schedule("nightly", {"command": "true"}, cron="0 2 * * *")
    job = job_id("nightly", queue.next_ticks("nightly", 3)[-1])
    happened(queue, stream_of("job", job), enqueued(), at=NOW)

    found = check(queuectl.here("doctor", "--json"), "schedules")

    assert found["found"].startswith(f"job {job} is called as that of a tick of schedule nightly")
    assert "queuectl schedule trigger nightly" in found["remedy"]


def test_a_schedule_whose_zone_is_unknown_here_is_told(queuectl: Queuectl, queue: Queue) -> None:
    hourly(queue, "far", tz="Mars/Olympus")

    assert "Mars/Olympus" in check(queuectl.here("doctor", "--json"), "schedules")["found"]


def test_transactions_that_may_last_longer_than_a_job_is_waited_for_are_told(
    queuectl: Queuectl, client: MongoClient[dict[str, Any]]
) -> None:
    before = client.admin.command("getParameter", transactionLifetimeLimitSeconds=1)["transactionLifetimeLimitSeconds"]
    client.admin.command("setParameter", transactionLifetimeLimitSeconds=300)
    try:
        found = check(queuectl.here("doctor", "--json"), "transactions")
    finally:
        client.admin.command("setParameter", transactionLifetimeLimitSeconds=before)

    assert found["found"].startswith("one may last 5 min (transactionLifetimeLimitSeconds): a job in it may come ")
    assert "transactionLifetimeLimitSeconds: 60" in found["remedy"]


def test_people_get_a_mark_for_each_check(queuectl: Queuectl) -> None:
    ran = queuectl.ok("doctor")

    assert [line[0] for line in ran.out.splitlines()] == ["✔"] * len(CHECKS)


def test_jobs_that_nobody_works_on_are_found_with_a_remedy(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("list")

    ran = queuectl.here("doctor")

    assert ran.code == 1
    workers, marked, remedy, *_ = ran.out.splitlines()[-7:]
    assert workers == "✔ workers      0 alive, 0 jobs running, 1 job due"
    assert marked.startswith("✘ queues       default does not move: no worker serves it; its first job is due since")
    assert remedy.strip() == "`queuectl worker start --queue default`"


def test_a_view_that_nobody_moves_on_is_found(queuectl: Queuectl) -> None:
    queuectl.ok("list")
    queuectl.ok("enqueue", "--", "true")

    ran = queuectl.here("doctor", "--json")

    assert ran.code == 1
    assert "queuectl projector start" in check(ran, "projector")["remedy"]


def test_a_view_that_somebody_has_altered_keeps_no_other_check_from_being_made(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("list")
    stats = next(name for name in database.list_collection_names() if name.startswith("stats-"))
    database[stats].update_many({}, {"$set": {"n": {"bogus": 1}}})

    ran = queuectl.here("doctor", "--json")

    assert [one["name"] for one in ran.json["checks"]] == CHECKS
    assert check(ran, "workers")["found"] == "failed"


def test_missing_indexes_and_collections_are_found(queuectl: Queuectl, database: Database[dict[str, Any]]) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("list")
    due = next(name for name in database.list_collection_names() if name.startswith("due-"))
    database["events"].drop_index("ts")
    database[due].drop_index("ready")
    database.drop_collection("signals")
    database.command("collMod", "events", validator={})

    found = check(queuectl.here("doctor", "--json"), "layout")

    for problem in ("index ts of events", "index ready of due", "collection signals", "no validator"):
        assert problem in found["found"]
    assert found["remedy"]


def test_damaged_views_are_found_and_nothing_is_called_up_to_date(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("list")
    due = next(name for name in database.list_collection_names() if name.startswith("due-"))
    database.drop_collection(due)

    ran = queuectl.here("doctor", "--json")

    assert ran.code == 1
    projector = check(ran, "projector")
    assert f"damaged: {due} is missing" in projector["found"]
    assert "unknown" in projector["found"]
    assert "queuectl projector start" in projector["remedy"]
    listed = queuectl.here("projections", "list")
    assert listed.code == 1
    assert f"the views are damaged: {due} is missing" in listed.out


def test_a_parked_job_is_found(queuectl: Queuectl, database: Database[dict[str, Any]]) -> None:
    queuectl.ok("enqueue", "--id", "stuck", "--", "true")
    queuectl.ok("list")
    jobs = next(name for name in database.list_collection_names() if name.startswith("jobs-"))
    database[jobs].update_one(
        {"_id": "stuck"}, {"$set": {"parked": {"projection": "jobs", "problem": "cannot be read"}}}
    )

    found = check(queuectl.here("doctor", "--json"), "projector")

    assert "stuck" in found["found"]
    assert found["remedy"]


def test_a_clock_that_is_far_off_is_found(queuectl: Queuectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseClock, "offset", timedelta(hours=1))

    found = check(queuectl.here("doctor", "--json"), "clock")

    assert found["found"] == "this machine's clock is 1 h behind the database's"
    assert found["remedy"]


@pytest.fixture(scope="module")
def root_uri() -> Any:
    """A server that checks access; the URI is root's."""
    with running(guarded=True) as uri:
        yield uri


@pytest.fixture
def writers(root_uri: str, queuectl: Queuectl) -> Queuectl:
    """queuectl as root of a server that checks access, in a database that is there already."""
    rooted = queuectl.with_environ(QUEUECTL_URI=root_uri)
    rooted.ok("list")
    return rooted


def as_user(writers: Queuectl, actions: list[str]) -> Queuectl:
    """The same, as a user who may do `actions` on events, and all that is needed elsewhere."""
    uri, db = writers.environ["QUEUECTL_URI"], writers.environ["QUEUECTL_DB"]
    with MongoClient[dict[str, Any]](uri) as client:
        others = [name for name in client[db].list_collection_names() if name != "events"]
        everything = ["find", "insert", "update", "remove", "createIndex", "listIndexes", "changeStream", "collStats"]
        client[db].command("dropAllRolesFromDatabase")
        client[db].command("dropAllUsersFromDatabase")
        client[db].command(
            "createRole",
            "writer",
            privileges=[
                {"resource": {"db": db, "collection": "events"}, "actions": [*actions, "listIndexes", "changeStream"]},
                *({"resource": {"db": db, "collection": name}, "actions": everything} for name in others),
                {"resource": {"db": db, "collection": ""}, "actions": ["listCollections"]},
            ],
            roles=[],
        )
        client[db].command("createUser", "ann", pwd="only-for-tests", roles=["writer"])
    host = uri.rpartition("@")[2].partition("/")[0]
    as_ann = f"mongodb://ann:only-for-tests@{host}/?directConnection=true&authSource={db}"
    return writers.with_environ(QUEUECTL_URI=as_ann)


def test_a_role_that_can_only_find_and_insert_on_events_is_well(writers: Queuectl) -> None:
    found = check(as_user(writers, ["find", "insert"]).here("doctor", "--json"), "rights")

    assert found == {
        "name": "rights",
        "found": "ann may find and insert on events, and change nothing there",
        "remedy": None,
    }


def test_a_role_that_can_change_events_is_found(writers: Queuectl) -> None:
    found = check(as_user(writers, ["find", "insert", "update"]).here("doctor", "--json"), "rights")

    assert "ann may update on events" in found["found"]
    assert found["remedy"]


def test_no_check_shows_the_password(writers: Queuectl) -> None:
    ran = as_user(writers, ["find", "insert"]).process("doctor")

    assert "ann" in ran.out
    assert "only-for-tests" not in ran.out + ran.err


def test_how_much_room_all_takes_is_told(queuectl: Queuectl) -> None:
    for _ in range(3):
        queuectl.ok("enqueue", "--", "true")
    queuectl.ok("status")

    found = {one["name"]: one["found"] for one in queuectl.here("doctor", "--json").json["checks"]}

    size = r"\d[\d.]* (B|kB|MB|GB)"
    assert re.fullmatch(rf"events {size}, views {size}, outputs {size}, oplog {size}; {size} a job", found["sizes"])


JUNK: dict[str, Event] = {"seal-log": Resumed(), "seal-leaves": Resumed()}


@pytest.mark.parametrize("stream", JUNK)
def test_what_ends_the_sealing_is_told_with_since_when(
    queuectl: Queuectl, database: Database[dict[str, Any]], stream: str
) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("audit", "seal")
    at = queuectl.ok("audit", "seals", "--json").json[0]["at"][:19]
    assert check(queuectl.here("doctor", "--json"), "seals")["remedy"] is None
    log = stand_on(database).log
    last = log.read_last(stream)
    assert last is not None
    (junk,) = seal(stream, last.head, [JUNK[stream]], actor="mallory", now=last.at)
    database["events"].insert_one({**bson.decode(junk.raw), "data": {"first": "x"}, "type": "sealed-leaves"})
    queuectl.ok("enqueue", "--", "true")

    found = check(queuectl.here("doctor", "--json"), "seals")

    assert queuectl.here("audit", "seal").code == 1
    assert found["found"].startswith(f"nothing is sealed any more since {at}Z: ")
    assert "audit verify --all" in found["remedy"]


def test_events_that_the_views_had_and_the_log_has_no_more_are_told(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--id", "kept", "--", "true")
    queuectl.ok("enqueue", "--id", "gone", "--", "true")
    queuectl.ok("list")
    assert check(queuectl.here("doctor", "--json"), "lost")["remedy"] is None
    database["events"].delete_many({"_id.stream": "job-gone"})
    queuectl.ok("list")

    found = check(queuectl.here("doctor", "--json"), "lost")

    assert "the views before had job-gone version 1, which the log had not" in found["found"]
    assert "and of 1 job more than it: gone" in found["found"]
    assert "if no backup was restored then" in found["remedy"]
    assert "job-gone version 1" in queuectl.ok("events", "--stream", "views-live").out


def test_limits_are_checks_that_fail_where_they_are_exceeded(queuectl: Queuectl, queue: Queue) -> None:
    limits = ("--max-wait", "0s", "--max-dead", "0", "--max-lag", "1h")
    new = queuectl.ok("doctor", *limits, "--json").json["checks"]
    queuectl.ok("enqueue", "--id", "one", "--queue", "mail", "--", "true")
    queuectl.ok("enqueue", "--id", "two", "--max-retries", "0", "--", "false")
    died(queue, "two")
    queuectl.ok("status")

    ran = queuectl.here("doctor", *limits, "--json")
    generous = queuectl.here("doctor", "--max-wait", "1h", "--max-dead", "1", "--json")
    queuectl.ok("queue", "pause", "mail")
    paused = queuectl.ok("doctor", "--max-wait", "0", "--json")

    assert [one["name"] for one in new] == [*CHECKS, "lag", "wait", "dead"]
    assert ran.code == 1
    assert re.fullmatch(r"jobs of mail for \S.* wait, more than 0 ms", check(ran, "wait")["found"])
    assert check(ran, "dead")["found"] == "1 job dead (default 1), more than 0"
    assert [bool(check(ran, name)["remedy"]) for name in ("lag", "wait", "dead")] == [False, True, True]
    assert [check(generous, name)["remedy"] for name in ("wait", "dead")] == [None, None]
    assert check(paused, "wait")["found"] == "no job waits that is due, but in queues that are paused"


def test_a_lag_that_nobody_mends_is_told(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    without_views = queuectl.here("doctor", "--max-lag", "1h", "--json")
    queuectl.ok("status")
    fresh = queuectl.here("doctor", "--max-lag", "0", "--json")
    queuectl.ok("enqueue", "--id", "two", "--", "true")

    behind = queuectl.here("doctor", "--max-lag", "0", "--json")

    assert check(without_views, "lag")["found"] == "how far the views are behind is unknown"
    assert check(fresh, "lag")["remedy"] is None
    assert behind.code == 1
    assert "more than 0 ms" in check(behind, "lag")["found"]


@pytest.mark.parametrize(
    "odd", [("--max-wait", "-1"), ("--max-lag", "soon"), ("--max-dead", "-1"), ("--max-dead", "x")]
)
def test_an_odd_limit_is_wrong_usage(queuectl: Queuectl, odd: tuple[str, str]) -> None:
    assert queuectl.here("doctor", *odd).code == 2
