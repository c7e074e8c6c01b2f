"""`queuectl projections`: how the views are kept, proven, rebuilt, and let go on."""

from typing import Any

from pymongo.database import Database

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed
from tests.projections.stage import standing_for

KEYS = [
    *("name", "version", "generation", "activity", "holder", "applied", "rate", "lag", "lag_events"),
    *("caught_up_at", "parked", "skipped", "skipped_first", "note"),
]


def collection(database: Database[dict[str, Any]], name: str) -> Any:
    (found,) = [one for one in database.list_collection_names() if one.startswith(f"{name}-")]
    return database[found]


def park(database: Database[dict[str, Any]], job_id: str) -> None:
    parked = {"projection": "stats", "problem": "it cannot be counted"}
    collection(database, "jobs").update_one({"_id": job_id}, {"$set": {"parked": parked}})
    collection(database, "due").delete_one({"jobs": standing_for(job_id)})


def test_before_the_first_read_there_are_no_views(shared: Queuectl) -> None:
    ran = shared.process("projections", "list")

    assert ran.code == 0
    assert "There are no views yet" in ran.out
    assert shared.ok("projections", "list", "--json").json == []


def test_each_view_is_shown_with_how_it_is_kept(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("list")

    found = queuectl.ok("projections", "list", "--json").json

    assert [list(one) for one in found] == [KEYS, KEYS]
    assert [one["name"] for one in found] == ["jobs", "stats"]
    assert (found[0]["activity"], found[0]["applied"], found[0]["lag"], found[0]["rate"]) == ("caught up", 1, 0, None)
    lines = queuectl.ok("projections", "list").out.splitlines()
    assert lines[0].split()[:2] == ["VIEW", "VERSION"]
    assert "unknown" in lines[1]  # the rate, of nobody


def test_a_parked_job_is_shown_with_what_to_do_and_is_trouble(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--id", "stuck", "--", "true")
    queuectl.ok("list")
    park(database, "stuck")

    ran = queuectl.here("projections", "list")

    assert ran.code == 1
    assert "job stuck is parked: it cannot be counted" in ran.out
    assert "queuectl projections retry stats stuck" in ran.out


def test_a_parked_job_goes_on(queuectl: Queuectl, database: Database[dict[str, Any]]) -> None:
    queuectl.ok("enqueue", "--id", "stuck", "--", "true")
    queuectl.ok("list")
    park(database, "stuck")

    assert is_one_sentence(queuectl.here("projections", "retry", "jobs", "stuck"))
    assert queuectl.ok("projections", "retry", "stats", "stuck", "--json").json == {"id": "stuck", "parked": None}
    assert is_one_sentence(queuectl.here("projections", "retry", "stats", "stuck"))
    assert queuectl.here("projections", "list").code == 0


def test_views_are_built_anew_and_proven(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    completed(queue, "one")

    assert queuectl.ok("projections", "rebuild", "--json").json == {"generation": 1, "applied": 3, "parked": 0}
    assert "generation 2 is live" in queuectl.ok("projections", "rebuild", "stats").out
    assert is_one_sentence(queuectl.here("projections", "rebuild", "nope"))
    assert queuectl.ok("projections", "verify", "--json").json == {"verified": 3, "differences": []}
    assert queuectl.ok("projections", "verify", "jobs", "--sample", "5", "--json").json["differences"] == []


def test_each_difference_is_named_and_the_exit_code_says_that_there_are_some(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    queuectl.ok("list")
    collection(database, "jobs").update_one({"_id": "one"}, {"$set": {"priority": 9}})

    ran = queuectl.here("projections", "verify")

    assert ran.code == 1
    assert "the view has priority 9, its events 0" in ran.out
    assert ran.err == "✘ 1 difference: `queuectl projections rebuild` makes the views new.\n"
    assert queuectl.here("projections", "verify", "stats").code == 0
    (named,) = queuectl.here("projections", "verify", "--json").json["differences"]
    assert named == {
        "projection": "jobs",
        "where": "one",
        "problem": "the view has priority 9, its events 0",
        "expected": "0",
        "found": "9",
        "is_lost": False,
    }


def test_where_the_log_has_less_than_a_view_no_rebuild_is_advised(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    for job_id in ("kept", "lost"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    queuectl.ok("list")
    document = collection(database, "jobs").find_one({"_id": "kept"})
    assert document is not None
    collection(database, "jobs").insert_one({**document, "_id": "ghost"})

    ran = queuectl.here("projections", "verify")

    assert ran.code == 1
    assert "events are missing from the log" in ran.out
    assert "rebuild" not in ran.out + ran.err


def test_all_and_a_sample_are_not_asked_for_at_once(shared: Queuectl) -> None:
    assert shared.here("projections", "verify", "--all", "--sample", "3").code == 2


def test_counters_are_shown_by_their_keys(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert queuectl.ok("projections", "show", "stats", "state", "--json").json == [
        {"key": ["state", "default"], "counts": {"pending": 1}}
    ]
    assert "state default" in queuectl.ok("projections", "show", "stats").out
    assert is_one_sentence(queuectl.here("projections", "show", "nope"))
    assert queuectl.ok("projections", "show", "stats", "nope").err == "! No counters.\n"
    assert "No projection 'nope'" in queuectl.here("projections", "retry", "nope", "one").err
