"""Which jobs are read: by conditions, options or both, in `list`, `dlq list` and `count`."""

from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from projections.reading import listing
from tests.cli.commands import Queuectl
from tests.cli.past import died


@pytest.fixture(scope="module")
def filled(shared: Queuectl) -> Queuectl:
    """Three jobs that wait, and one that is dead; nobody changes them."""
    with Queue(shared.environ["QUEUECTL_URI"], shared.environ["QUEUECTL_DB"]) as queue:
        queue.enqueue(id="red", command="make red", tags=["red", "all"], meta={"customer": "acme"}, priority=5)
        queue.enqueue(id="blue", command="make blue", tags=["blue", "all"], queue="mail", delay=1800.0)
        queue.enqueue(id="late", task="app.send", tags=["red", "blue"], queue="mail", delay=86_400.0, group="g")
        queue.enqueue(id="gone", command="./gone", queue="mail", max_retries=0)
        died(queue, "gone", "HTTP 503: Gone away")
    return shared


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["state:dead"], ["gone"]),
        (["queue:mail", "tag:blue"], ["late", "blue"]),
        (["queue:mail tag:blue"], ["late", "blue"]),
        (["tag:red tag:blue"], ["late"]),
        (["--tag", "red", "--tag", "blue"], ["late"]),
        (["tag:red", "--tag", "blue"], ["late"]),
        (['error~"503: gone"'], ["gone"]),
        (["--error", "503: GONE", "ended>-1h"], ["gone"]),
        (["--ended-since", "1h"], ["gone"]),
        (["ended<-1h"], []),
        (["command~MAKE"], ["blue", "red"]),
        (["--command", "make", "--meta", "customer=acme"], ["red"]),
        (["meta.customer=acme"], ["red"]),
        (["--task", "app.send"], ["late"]),
        (["--group", "g"], ["late"]),
        (["priority>4"], ["red"]),
        (["--priority", "5"], ["red"]),
        (["due<+1h"], ["blue", "red"]),
        (["--due-before", "1h"], ["blue", "red"]),
        (["--due-before", "+1h"], ["blue", "red"]),
        (["--due-before", "-1h"], []),
        (["--due-before", "yesterday 18:00"], []),
        (["--due-before", "2d", "queue:mail"], ["late", "blue"]),
        (["state:scheduled", "due>+1h"], ["late"]),
        (["state:scheduled", "due>+9w"], []),
        (["--state", "due", "--due-before", "2d"], ["red"]),
        (["created>-1h", "--until", "1h"], []),
        (["--after", "blue"], ["red"]),
        (["--worker", "nobody"], []),
        (["state:dead", "state:cancelled"], ["gone"]),
        (["--state", "dead", "--state", "failed"], ["gone"]),
        (["queue:mail", "queue:nobody", "state:dead"], ["gone"]),
        (["--queue", "mail", "--queue", "nobody", "--state", "dead"], ["gone"]),
        (["restart-of:nobody"], []),
        (["--restart-of", "nobody"], []),
    ],
    ids=repr,
)
def test_what_is_listed_fits_all_that_is_asked(filled: Queuectl, args: list[str], found: list[str]) -> None:
    assert [one["id"] for one in filled.ok("list", *args, "--json").json] == found
    if "--after" not in args:
        assert filled.ok("count", *args).out == f"{len(found)}\n"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"$gt": 1}', ["odd"]),
        ('[{"$regex": "."}]', ["listed"]),
        ('{"$ne": null}', []),
        ('{"a\\u0000": 1}', []),
        ("[9223372036854775808]", []),
        ("[" * 300 + "]" * 300, []),
        ("9223372036854775808", []),
    ],
    ids=lambda one: str(one)[:20],
)
def test_a_value_in_meta_is_no_question_to_the_database(
    queuectl: Queuectl, queue: Queue, value: str, found: list[str]
) -> None:
    queue.enqueue(id="odd", command="true", meta={"x": {"$gt": 1}})
    queue.enqueue(id="listed", command="true", meta={"x": [{"$regex": "."}]})
    queue.enqueue(id="number", command="true", meta={"x": 5})

    assert [one["id"] for one in queuectl.ok("list", "--meta", f"x={value}", "--json").json] == found


def test_the_dead_letter_queue_is_chosen_from_in_the_same_way(filled: Queuectl) -> None:
    for args in (["--error", "http"], ["error~http", "queue:mail"], ["ended>-1h"]):
        assert [one["id"] for one in filled.ok("dlq", "list", *args, "--json").json] == ["gone"]
    assert filled.ok("dlq", "list", "tag:red", "--json").json == []


def test_dead_letters_may_be_called_dead_and_nothing_else(filled: Queuectl) -> None:
    assert [one["id"] for one in filled.ok("dlq", "list", "state:dead", "--json").json] == ["gone"]

    ran = filled.here("dlq", "list", "state:pending")

    assert ran.code == 2
    assert "FILTER: state: is dead of all that are here, and not pending" in ran.err


@pytest.mark.parametrize("command", [["list"], ["count"], ["dlq", "list"]], ids=repr)
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["dead"], "FILTER: at character 1: 'dead' is no condition"),
        (["queue:mail", "stat:dead"], "'stat' is no field (is state meant?)"),
        (["queue:mail", "--queue", "web"], "--queue: is asked for twice"),
        (["key:one", "key:two"], "FILTER: key: is asked for twice"),
        (["--meta", "a=1", "--meta", "a=2"], "--meta: a name is asked for twice"),
        (["--meta", "a"], "has no `=`"),
        (["--priority", "9999999999"], "--priority"),
        (["--due-before", "soon"], "is no time"),
        (["--until", "1h", "--since", "10m"], "lies before the beginning"),
        (["created>someday"], "is no time"),
    ],
    ids=repr,
)
def test_what_is_no_filter_is_wrong_usage(queuectl: Queuectl, command: list[str], args: list[str], said: str) -> None:
    ran = queuectl.here(*command, *args)

    assert (ran.code, ran.out) == (2, "")
    assert said in " ".join(ran.err.split())


@pytest.mark.parametrize("args", [("key:k",), ("key:k", "queue:mail"), ("--key", "k", "state:pending")])
def test_a_job_is_found_by_its_key(queuectl: Queuectl, queue: Queue, args: tuple[str, ...]) -> None:
    keyed = queue.enqueue(command="true", key="k", queue="mail")
    queue.enqueue(command="true", key="l", queue="mail")

    assert [one["id"] for one in queuectl.ok("list", *args, "--json").json] == [keyed.id]


def test_a_list_is_read_page_by_page(queuectl: Queuectl, queue: Queue) -> None:
    ids = [one.id for one in queue.enqueue_many([{"command": "true"} for _ in range(7)])]  # type: ignore[union-attr]
    paged = queuectl.ok("list", "--limit", "3", "--json").json

    while part := queuectl.ok("list", "--limit", "3", "--after", paged[-1]["id"], "--json").json:
        paged += part

    assert [one["id"] for one in paged] == ids[::-1]
    assert queuectl.here("list", "--after", "nobody").code == 1


def test_a_scan_has_to_be_asked_for(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "VAIN_MAX", 3)
    monkeypatch.setattr(listing, "PAGE", 3)
    queue.enqueue_many([{"command": "true", "id": f"hay-{number}"} for number in range(7)])
    monkeypatch.setattr(listing, "FEW", 0)

    refused = queuectl.here("list", "command~needle")

    assert refused.code == 1
    assert "3 jobs were looked at that do not fit" in refused.err
    assert "--scan" in refused.err
    assert queuectl.here("list", "command~needle", "--scan").code == 0
    assert queuectl.here("count", "command~needle").code == 1
