"""In what shape lists are printed: `-o`, `--columns`, `--wide`, `--sort`; scheduled jobs apart from due ones."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from eventqueue.api.queue import Queue
from eventqueue.audit import orders
from eventqueue.cli import sorting
from eventqueue.errors import InvalidInput
from eventqueue.mongo.clock import DatabaseClock
from tests.builders import claimed, failed
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import died, happened

LISTS = ("list", "dlq list", "queue list", "worker list", "errors", "schedule list", "history a")


def test_a_list_is_printed_as_a_document_as_lines_or_as_bare_ids(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        queue.enqueue(id=name, command="true")
        died(queue, name)

    queue.schedule("nightly", {"command": "true"}, every=60)
    now = queue.connection.ground.clock.now()
    monkeypatch.setattr(DatabaseClock, "now", lambda _: now)  # tables tell how long ago things were

    lists = (("list", "id"), ("dlq list", "id"), ("queue list", "name"), ("errors", "fingerprint"))
    for words, key in (*lists, ("schedule list", "name"), ("history a", "id")):
        args = words.split()
        whole = queuectl.ok(*args, "--json").json
        assert queuectl.ok(*args, "-o", "json").json == whole != []
        assert [json.loads(line) for line in queuectl.ok(*args, "-o", "jsonl").out.splitlines()] == whole
        assert queuectl.ok(*args, "-o", "ids").out.split() == [one[key] for one in whole]
        assert queuectl.ok(*args, "-o", "table").out == queuectl.ok(*args).out


@pytest.mark.parametrize("words", LISTS)
@pytest.mark.parametrize(
    "options",
    [
        ("--json", "-o", "ids"),
        ("-o", "jsonl", "--wide"),
        ("--json", "--columns", "id"),
        ("-o", "yaml"),
        ("--columns", ""),
    ],
    ids=" ".join,
)
def test_shapes_that_contradict_each_other_are_wrong_usage(
    shared: Queuectl, words: str, options: tuple[str, ...]
) -> None:
    ran = shared.here(*words.split(), *options)

    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_columns_are_those_that_are_named_in_their_order(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true", tags=["x", "y"], priority=7)

    assert queuectl.ok("list", "--columns", "tags,id, Priority").out.splitlines() == [
        "TAGS  ID  PRIORITY",
        "x, y  a          7",
    ]
    assert queuectl.ok("queue", "list", "--columns", "dead,queue").out.splitlines()[0].split() == ["DEAD", "QUEUE"]
    assert "PRIORITY" in queuectl.ok("list", "--wide").out
    queue.schedule("nightly", {"command": "true"}, every=60)
    assert queuectl.ok("schedule", "list", "--columns", "runs,schedule").out.split() == [
        *("RUNS", "SCHEDULE", "true", "nightly")
    ]
    assert queuectl.ok("history", "a", "--columns", "event").out.split() == ["EVENT", "enqueued"]


def test_a_wide_table_has_all_there_is_to_show_of_a_row(queuectl: Queuectl, queue: Queue) -> None:
    died(queue, queue.enqueue(id="a", command="true").id)
    queue.schedule("nightly", {"command": "true"}, every=60)

    for words, more in (("queue list", "PAUSED"), ("errors", "AGE"), ("schedule list", "SET")):
        assert more in queuectl.ok(*words.split(), "--wide").out.splitlines()[0].split()
        assert more not in queuectl.ok(*words.split()).out.splitlines()[0].split()


def test_a_column_that_is_none_is_refused_with_the_one_that_is_meant(shared: Queuectl) -> None:
    ran = shared.here("list", "--columns", "id,taggs")

    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "'taggs' is no column (is tags meant?)" in ran.err


def test_a_refusal_is_json_where_the_list_would_be(shared: Queuectl) -> None:
    assert json.loads(shared.here("list", "-o", "json", "--after", "nowhere").err)["error"]["exit"] == 1


def test_a_list_is_put_in_another_order_up_to_a_number(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, priority, delay in (("a", 1, 300), ("b", 3, 100), ("c", 2, 200)):
        queue.enqueue(id=name, command="true", priority=priority, delay=delay)

    assert queuectl.ok("list", "--sort", "priority", "-o", "ids").out.split() == ["b", "c", "a"]
    assert queuectl.ok("list", "--sort", "due", "-o", "ids", "-n", "2").out.split() == ["b", "c"]
    monkeypatch.setattr("eventqueue.audit.orders.MOST", 2)
    ran = queuectl.here("list", "--sort", "due")
    assert ran.code == 1
    assert is_one_sentence(ran)


def test_the_orders_of_the_command_are_those_of_the_api() -> None:
    assert tuple(orders.ORDERS) == sorting.ORDERS
    assert sorting.MOST == orders.MOST


def test_a_list_of_the_past_is_put_in_another_order_too(queuectl: Queuectl, queue: Queue) -> None:
    for name, priority in (("a", 1), ("b", 3), ("c", 2)):
        queue.enqueue(id=name, command="true", priority=priority)
    queue.status()

    for shown in (queue, queue.at(queue.connection.ground.clock.now())):
        assert [job.id for job in shown.list(sort="priority")] == ["b", "c", "a"]
        assert [job.id for job in shown.walk(sort="priority", limit=2)] == ["b", "c"]
        with pytest.raises(InvalidInput, match="priority"):
            shown.list(sort="prioritty")


def test_what_is_due_later_is_told_from_what_is_due(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="later", command="true", delay=timedelta(hours=3))
    queue.enqueue(id="now", command="true")

    assert queuectl.ok("list", "--columns", "id,state").out.splitlines()[1:] == ["now    pending", "later  scheduled"]
    for condition in (("state:scheduled",), ("--state", "scheduled"), ("state:pending", "due>+2h")):
        assert queuectl.ok("list", *condition, "-o", "ids").out == "later\n"
        assert queuectl.ok("count", *condition).out == "1\n"
    assert queuectl.ok("list", "state:due", "-o", "ids").out == "now\n"
    assert {one["state"] for one in queuectl.ok("list", "--json").json} == {"pending"}
    assert "state        scheduled" in queuectl.ok("show", "later").out


def test_a_count_by_state_tells_scheduled_jobs_apart_and_its_json_has_the_states_of_the_log(
    queuectl: Queuectl, queue: Queue
) -> None:
    queue.enqueue_many({"command": "true", "delay": 10_000} for _ in range(2))
    queue.enqueue(id="now", command="true", tags=["eu"])

    def told(*words: str) -> list[str]:
        return queuectl.ok("count", *words, "--by", "state").out.split()[2:]

    assert told() == ["scheduled", "2", "pending", "1"]
    assert told("state:pending") == ["scheduled", "2", "pending", "1"]
    assert told("tag:eu") == ["pending", "1"]
    assert told("due>+1h") == ["scheduled", "2"]
    assert [one["value"] for one in queuectl.ok("count", "--by", "state", "--json").json["kinds"]] == ["pending"]


def test_a_long_list_of_lines_is_read_some_at_a_time(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many({"command": "true", "id": f"job-{number}"} for number in range(450))

    assert len(queuectl.ok("list", "-o", "jsonl").out.splitlines()) == 450
    assert len(queuectl.ok("list", "-o", "jsonl", "-n", "401").out.splitlines()) == 401


def test_times_are_shown_in_the_machines_zone_if_asked_and_never_in_json(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true")
    local = queuectl.with_environ(TZ="Asia/Kolkata")

    for words in ("show a", "history a", "events", "list --wide"):
        assert "+05:30" in local.process(*words.split(), "--local").out
        assert "+05:30" not in local.process(*words.split()).out
    assert "+05:30" not in local.process("show", "a", "--json", "--local").out


def test_times_in_sentences_are_in_the_machines_zone_as_well(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true", delay=timedelta(hours=3))
    queue.pause_queue("default")
    local = queuectl.with_environ(TZ="Asia/Kolkata")

    for words in ("why a", "show a", "status", "queue pause default", "count --by hour", "top --once", "list --at 1s"):
        found = local.process(*words.split(), "--local")
        told = f"{found.out}{found.err}"
        assert "+05:30" in told, words
        assert not re.search(r"\d\dZ", told), words
    assert "+05:30" not in local.process("why", "a", "--json", "--local").out


def test_how_long_ago_it_was_stands_beside_a_time(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true", delay=timedelta(hours=3))

    shown = queuectl.ok("show", "a").out
    assert re.search(r"Z, \d+s ago", shown)
    assert "Z, in 2h" in shown
    assert queuectl.ok("history", "a").out.splitlines()[0].split()[:3] == ["#", "TIME", "AGO"]


@pytest.mark.parametrize("asked", [1000, 1], ids=["few retries", "many"])
def test_what_is_scheduled_is_counted_apart_and_is_pending_in_json(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    monkeypatch.setattr("projections.reading.queues.JOBS_ASKED", asked)
    queue.enqueue_many({"command": "true", "queue": "mail", "delay": 9000} for _ in range(3))
    queue.enqueue(command="true", queue="mail")
    for name in ("a", "b"):
        queue.enqueue(id=name, command="true", queue="web")
        happened(queue, name, claimed(), failed(retry_at=datetime.now(UTC) + timedelta(hours=3)))

    status, queues = queuectl.ok("status"), queuectl.ok("queue", "list")

    assert [line.split() for line in status.out.splitlines()[:2]] == [["Pending", "1"], ["Scheduled", "3"]]
    for shown in (status, queues):
        title = next(line for line in shown.out.splitlines() if line.startswith("QUEUE"))
        assert title.split()[1:3] == ["PENDING", "SCHEDULED"]
        assert next(line for line in shown.out.splitlines() if line.startswith("mail")).split()[1:3] == ["1", "3"]
    assert queuectl.ok("status", "--json").json["pending"] == 4
    assert queuectl.ok("status", "--json").json["scheduled"] == {"mail": 3}
    counted = {one["name"]: one["scheduled"] for one in queuectl.ok("queue", "list", "--json").json}
    assert counted == {"mail": 3, "web": 0}
