"""`queuectl wait` for all that fit by the time of asking."""

import pytest

from eventqueue.api import steps
from eventqueue.api.queue import Queue
from eventqueue.mongo.incarnations import Incarnation
from tests.cli.commands import Queuectl
from tests.cli.past import completed, died
from tests.patience import PATIENCE_S


@pytest.fixture
def filled(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """Two jobs of a queue that are done, one of another that died, and one that waits."""
    for job_id, name in (("one", "mail"), ("two", "mail"), ("bad", "web"), ("waits", "slow")):
        queue.enqueue(id=job_id, command="true", queue=name)
    completed(queue, "one")
    completed(queue, "two")
    died(queue, "bad")
    return queuectl


def test_who_waits_for_conditions_is_told_how_many_fit_and_of_each_that_did_not_complete(filled: Queuectl) -> None:
    done = filled.ok("wait", "queue:mail")
    assert (done.out, done.err) == ("✔ 2 jobs completed\n", "! Waiting for 2 jobs.\n")
    assert [one["id"] for one in filled.ok("wait", "queue:mail", "--json").json] == ["one", "two"]

    bad = filled.here("wait", "created>-1h", "state:dead")
    assert bad.code == 1
    assert "0 of 1 job completed" in bad.err
    assert "Job bad is dead: exit code 3" in bad.err


def test_of_none_there_is_nothing_to_wait_for(filled: Queuectl) -> None:
    none = filled.ok("wait", "queue:mail", "state:dead")

    assert (none.out, none.err) == ("", "! No jobs.\n")
    misspelt = filled.ok("wait", "queue:mial")
    assert "No queue 'mial' ever had a job (is mail meant?)" in misspelt.err
    assert filled.ok("wait", "queue:nosuch", "--json").json == []


def test_a_time_that_is_over_is_told_of_those_that_fit_too(filled: Queuectl) -> None:
    over = filled.here("wait", "queue:slow", "--timeout", "0.1s")

    assert over.code == 1
    assert "waits" in over.err


def test_who_waits_where_nobody_works_is_told_so_and_how_to_learn_more(filled: Queuectl) -> None:
    for words in (("waits",), ("queue:slow",)):
        over = filled.here("wait", *words, "--timeout", "0.1s")

        assert "No worker is alive: `queuectl worker start` starts one" in over.err
        assert "`queuectl why waits` tells how it stands" in over.err
    assert "No worker" not in filled.ok("wait", "one").err  # which has ended


@pytest.fixture
def served(filled: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Queuectl:
    """The same beside a live worker that serves some queues, one of which is paused, and knows no task."""
    monkeypatch.setattr(steps, "LOOK_S", PATIENCE_S)
    worker = Incarnation(
        id="w:1", name="1", host="web-1", pid=1, place="far", pid_started=1, queues=("mail", "held"), concurrency=1
    )
    queue.connection.incarnations.register(worker)
    for job_id in ("first", "second"):
        queue.enqueue(id=job_id, command="true", queue="held", delay=3600)
    queue.pause_queue("held", "full disk")
    queue.enqueue(id="task", task="shop.send", queue="mail")
    queue.enqueue(id="next", command="true", queue="mail")
    queue.status()  # the views are there
    return filled


def test_who_waits_for_what_no_live_worker_may_claim_is_told_what_is_missing_each_thing_of_a_queue_once(
    served: Queuectl,
) -> None:
    def told(words: str) -> list[str]:
        return served.here("wait", words, "--timeout", "0.1s").err.splitlines()[:-1]

    (slow,) = told("waits")
    assert slow.startswith("! Job waits waits: no worker serves its queue slow, ")
    assert slow.endswith(": `queuectl worker start --queue slow` starts one.")
    _, held = told("queue:held")
    assert held.startswith("! Job first waits: its queue held is paused since ")
    assert held.endswith(" (full disk): nothing of it is claimed until `queuectl queue resume held`.")
    _, unknown = told("state:pending queue:mail")
    assert "! Job task waits: no live worker that serves its queue knows its task shop.send" in unknown
    assert told("next") == []


def test_of_a_job_that_is_simply_due_nothing_more_is_asked(served: Queuectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Queue, "explain", None)

    assert served.here("wait", "next", "--timeout", "0.1s").err.startswith("✘ Waited 0.1 s for job next")


def test_who_wants_quiet_is_told_and_asks_nothing_of_it(served: Queuectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Queue, "workers", None)

    assert served.here("wait", "waits", "--timeout", "0.1s", "--quiet").err.startswith("✘ Waited 0.1 s for job waits")


def test_of_more_that_have_ended_than_are_looked_at_at_once_it_is_not_said_that_nobody_works(
    filled: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "PORTION", 1)

    assert filled.ok("wait", "queue:mail").err == "! Waiting for 2 jobs.\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("one", "queue:mail"), "not both"),
        (("queue:mail", "stat=dead"), "FILTER: "),
        (("state:daed",), "is dead meant?"),
    ],
)
def test_what_is_no_selection_is_wrong_usage(filled: Queuectl, args: tuple[str, ...], said: str) -> None:
    ran = filled.here("wait", *args)

    assert ran.code == 2
    assert said in ran.err


def test_an_id_that_could_be_a_condition_stands_behind_its_name(filled: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="queue:mail", command="true")
    completed(queue, "queue:mail")

    assert filled.ok("wait", "id=queue:mail").out == "✔ Job queue:mail completed\n"
    assert filled.ok("wait", "queue=mail").out == "✔ 2 jobs completed\n"
    assert filled.here("wait", "queue:mail").code == 2
