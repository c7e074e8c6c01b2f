"""`queuectl replay` and `queuectl audit verify`."""

from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed, died


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

    assert (ran.code, ran.out) == (0, "✔ 1 job, 3 events verified, nothing found\n")


def test_all_jobs_are_verified(audited: Queuectl) -> None:
    ran = audited.process("audit", "verify", "--all")

    assert (ran.code, ran.out) == (0, "✔ 2 jobs, 7 events verified, nothing found\n")
    found = audited.ok("audit", "verify", "--all", "--json").json
    assert (found["verified"], found["events"], found["findings"], found["more"]) == (2, 7, [], 0)


def test_an_altered_event_is_found_and_named(audited: Queuectl, database: Database[dict[str, Any]]) -> None:
    event = {"_id": {"stream": "job-bad", "version": 3}}
    database["events"].update_one(event, {"$set": {"data.exit_code": 0}})

    ran = audited.here("audit", "verify", "--all", "--json")

    assert ran.code == 1
    assert ran.json["verified"] == 2
    (finding,) = ran.json["findings"]
    assert (finding["stream"], finding["version"]) == ("job-bad", 3)
    assert "altered" in finding["problem"]
    assert len(finding["expected"]) == len(finding["found"]) == 64
    for_people = audited.process("audit", "verify", "bad")
    assert for_people.code == 1
    assert "job-bad version 3: its hash is not that of its bytes" in for_people.out
    assert f"expected {finding['expected'][:25]}…, there is {finding['found'][:25]}…" in for_people.out
    assert "✘ 1 finding in 1 job, 4 events. Before anything is mended: " in for_people.err


def test_what_the_views_have_not_seen_yet_is_no_finding_and_told(
    audited: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    audited.ok("list")
    queue.enqueue(command="true", id="new")
    before = everything_in(database)

    ran = audited.here("audit", "verify", "--all", "--json")

    assert (ran.code, ran.json["findings"]) == (0, [])
    assert ran.json["not_held"] == ["1 event that the views have not seen yet was not held against them."]
    assert audited.ok("audit", "verify", "new").out == "✔ 1 job, 1 event verified, nothing found\n"
    assert everything_in(database) == before


def test_an_audit_writes_nothing_and_mends_nothing(audited: Queuectl, database: Database[dict[str, Any]]) -> None:
    audited.ok("list")
    jobs = named(database, "jobs")
    database[jobs].update_one({"_id": "good"}, {"$set": {"priority": 99}})
    database["events"].delete_one({"_id": {"stream": "job-bad", "version": 4}})
    before = everything_in(database)

    for words in (("--all",), ("good",), ("bad",)):
        assert audited.here("audit", "verify", *words).code == 1

    assert everything_in(database) == before


def test_where_there_is_no_log_nothing_is_made(queuectl: Queuectl, database: Database[dict[str, Any]]) -> None:
    ran = queuectl.here("audit", "verify", "--all")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "holds no log" in ran.err
    assert database.list_collection_names() == []


def test_where_the_log_has_less_than_a_view_no_rebuild_is_advised(
    audited: Queuectl, database: Database[dict[str, Any]]
) -> None:
    audited.ok("list")
    database["events"].delete_many({"_id.stream": "job-good"})

    for ran in (audited.here("audit", "verify", "--all"), audited.here("audit", "verify", "good")):
        assert ran.code == 1
        assert "the view has it, the log does not: events are missing from the log" in ran.out
        assert "rebuild" not in ran.out + ran.err


def test_where_the_views_alone_are_wrong_it_says_how_they_are_made_new(
    audited: Queuectl, database: Database[dict[str, Any]]
) -> None:
    audited.ok("list")
    database[named(database, "failures")].delete_many({})

    ran = audited.here("audit", "verify", "bad")

    assert ran.err == "✘ 1 finding in 1 job, 4 events. `queuectl projections rebuild` makes the views new.\n"


def test_a_job_that_nothing_knows_of_is_refused(audited: Queuectl) -> None:
    audited.ok("list")

    ran = audited.here("audit", "verify", "nobody")

    assert ran.code == 1
    assert is_one_sentence(ran)


def test_an_audit_of_everything_tells_how_far_it_has_come(audited: Queuectl, queue: Queue) -> None:
    seen: list[int] = []

    verdict = queue.verify_all(seen.append)

    assert seen[-1] == verdict.events == 7


def everything_in(database: Database[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: list(database[name].find()) for name in database.list_collection_names()}


def named(database: Database[dict[str, Any]], name: str) -> str:
    return next(one for one in database.list_collection_names() if one.startswith(f"{name}-"))


def test_a_view_that_differs_from_the_history_is_found(audited: Queuectl, database: Database[dict[str, Any]]) -> None:
    audited.ok("list")
    database[named(database, "jobs")].update_one({"_id": "good"}, {"$set": {"priority": 99}})

    ran = audited.here("audit", "verify", "--all", "--json")

    assert ran.code == 1
    assert ["priority" in finding["problem"] for finding in ran.json["findings"]] == [True]


@pytest.mark.parametrize("args", [(), ("one", "--all")])
def test_what_to_verify_must_be_said_in_one_way(shared: Queuectl, args: tuple[str, ...]) -> None:
    ran = shared.here("audit", "verify", *args)

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_with_since_only_what_has_happened_since_is_held_against_the_log(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    for name in ("old", "new"):
        queuectl.ok("enqueue", "--id", name, "--", "true")
    queuectl.ok("queue", "pause", "mail")
    begin = queuectl.ok("history", "new", "--json").json[0]["at"]
    sound = queuectl.ok("audit", "verify", "--all", "--since", begin)
    assert "1 job, 2 events verified" in sound.out
    assert "nothing has happened since then" in sound.err

    database["events"].update_many({}, {"$set": {"actor": "mallory"}})

    ran = queuectl.here("audit", "verify", "--all", "--since", begin, "--json")
    assert ran.code == 1
    assert {one["stream"] for one in ran.json["findings"]} == {"job-new", "queue-mail"}


@pytest.mark.parametrize("options", [("report", "--since", "1d"), ("--all", "--since", "1d", "--record", "r.json")])
def test_what_an_audit_cannot_be_asked_together_is_refused(shared: Queuectl, options: tuple[str, ...]) -> None:
    ran = shared.here("audit", "verify", *options)

    assert (ran.code, is_one_sentence(ran)) == (2, True)
