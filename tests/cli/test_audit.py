"""`queuectl replay` and `queuectl audit verify`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.job import Job
from eventqueue.ports.views import Compared, Lag
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed, died

BEHIND = Compared(("the view does not have it",), is_behind=True)


@pytest.fixture
def audited(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """Two jobs, one completed and one dead."""
    for job_id in ("good", "bad"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    completed(queue, "good")
    died(queue, "bad")
    return queuectl


def test_replay_shows_the_state_after_each_event(audited: Queuectl) -> None:
    ran = audited.process("replay", "bad", "--json")

    assert [job["state"] for job in ran.json] == ["pending", "processing", "failed", "dead"]
    assert [job["version"] for job in ran.json] == [1, 2, 3, 4]
    states = [line.split()[2] for line in audited.ok("replay", "bad").out.splitlines()[1:]]
    assert states == ["pending", "processing", "failed", "dead"]


def test_replay_can_stop_at_a_version(audited: Queuectl) -> None:
    assert [job["state"] for job in audited.ok("replay", "bad", "--to", "2", "--json").json] == [
        "pending",
        "processing",
    ]


def test_replay_to_a_version_that_is_not_there_is_refused(audited: Queuectl) -> None:
    ran = audited.here("replay", "bad", "--to", "5")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert audited.here("replay", "bad", "--to", "0").code == 2


def test_a_sound_history_is_verified(audited: Queuectl) -> None:
    ran = audited.process("audit", "verify", "good")

    assert (ran.code, ran.out) == (0, "✔ 1 job verified, nothing found\n")


def test_all_jobs_are_verified(audited: Queuectl) -> None:
    ran = audited.process("audit", "verify", "--all")

    assert (ran.code, ran.out) == (0, "✔ 2 jobs verified, nothing found\n")
    assert audited.ok("audit", "verify", "--all", "--json").json == {"verified": 2, "findings": []}


def test_an_altered_event_is_found_and_named(audited: Queuectl, database: Database[dict[str, Any]]) -> None:
    event = {"_id": {"stream": "job-bad", "version": 3}}
    database["events"].update_one(event, {"$set": {"data.exit_code": 0}})

    ran = audited.here("audit", "verify", "--all", "--json")

    assert ran.code == 1
    assert ran.json["verified"] == 2
    (finding,) = ran.json["findings"]
    assert (finding["stream"], finding["version"]) == ("job-bad", 3)
    assert "altered" in finding["problem"]
    for_people = audited.process("audit", "verify", "bad")
    assert for_people.code == 1
    assert "job-bad  3        its hash is not that of its bytes" in for_people.out
    assert for_people.err == "✘ 1 finding in 1 job.\n"


def test_a_view_that_was_behind_is_looked_at_again_before_it_is_said_to_differ(audited: Queuectl, queue: Queue) -> None:
    views = queue.connection.views
    compare, looked = views.compare, []

    def late(folds: Sequence[Job], fold_to: Any) -> Mapping[str, Compared]:
        looked.append(folds)
        return {job.id: BEHIND for job in folds} if len(looked) == 1 else compare(folds, fold_to)

    views.compare = late  # type: ignore[method-assign]

    assert [found for _, found in queue.verify_all()] == [[] for _ in looked[0]]
    assert looked[1:] == [looked[0]]


def test_what_a_view_that_stays_behind_does_not_show_yet_is_no_finding(
    audited: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = queue.connection.views
    monkeypatch.setattr(views, "compare", lambda folds, _: {job.id: BEHIND for job in folds})
    monkeypatch.setattr(views, "refresh", lambda: Lag(5.0))  # as for who may only read

    assert [found for _, found in queue.verify_all()] == [[], []]
    assert list(queue.verify("good")) == []


def test_a_view_that_differs_from_the_history_is_found(audited: Queuectl, database: Database[dict[str, Any]]) -> None:
    audited.ok("list")
    jobs = next(name for name in database.list_collection_names() if name.startswith("jobs-"))
    database[jobs].update_one({"_id": "good"}, {"$set": {"priority": 99}})

    ran = audited.here("audit", "verify", "--all", "--json")

    assert ran.code == 1
    assert ["priority" in finding["problem"] for finding in ran.json["findings"]] == [True]


@pytest.mark.parametrize("args", [(), ("one", "--all")])
def test_what_to_verify_must_be_said_in_one_way(shared: Queuectl, args: tuple[str, ...]) -> None:
    ran = shared.here("audit", "verify", *args)

    assert ran.code == 2
    assert is_one_sentence(ran)
