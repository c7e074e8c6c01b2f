"""`queuectl logs`: what attempts wrote."""

from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import AccessDenied
from eventqueue.model.events import Completed, Released
from eventqueue.mongo.outputs import Outputs
from eventqueue.steering import configuration
from tests import builders
from tests.builders import NOW, SOON, append, claimed, failed
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import SECOND, completed, happened, keep, wrote
from tests.patience import PATIENCE_S


def enqueued(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")


def test_a_job_that_never_ran_and_never_will_is_told_so(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "gone", "--", "true")
    queuectl.ok("cancel", "gone")

    assert queuectl.here("logs", "gone").err == "✘ Job gone was cancelled before it ran.\n"


def test_stdout_goes_to_stdout_and_stderr_to_stderr(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed(), Completed(exit_code=0, output=wrote(b"said\n")))
    keep(queue, "one", claim=2, stdout=b"said\n", stderr=b"complained\n")

    ran = queuectl.process("logs", "one")

    assert (ran.code, ran.out, ran.err) == (0, "said\n", "complained\n")


def test_a_pipe_gets_the_bytes_that_were_written(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    wild = bytes(range(256)) * 3
    completed(queue, "one", wild)
    keep(queue, "one", claim=2, stdout=wild, stderr=wild[::-1])

    for options in ([], ["--raw"]):
        with queuectl.start("logs", "one", *options, text=False) as process:
            assert process.communicate(timeout=PATIENCE_S) == (wild, wild[::-1])


def test_bytes_that_are_no_text_stay_readable(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    completed(queue, "one", "caf\u00e9 \x1b[1m".encode() + b"\xff\x00\n")

    assert queuectl.ok("logs", "one", "--json").json["stdout"]["text"] == "caf\u00e9 \x1b[1m\\xff\x00\n"


def test_the_last_attempt_is_shown_unless_another_is_asked_for(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed(), failed(), claimed(attempt=2), failed())
    keep(queue, "one", claim=2, stdout=b"first\n")
    keep(queue, "one", claim=4, stdout=b"second\n", attempt=2)

    assert queuectl.ok("logs", "one").out == "second\n"
    assert queuectl.ok("logs", "one", "--attempt", "1").out == "first\n"
    assert queuectl.ok("logs", "one", "--attempt", "1", "--json").json["claim"] == 2


def test_of_attempts_with_the_same_number_the_last_is_meant(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed(), Released(reason="graceful stop", due_at=NOW), claimed(), failed())
    keep(queue, "one", claim=2, stdout=b"released\n")
    keep(queue, "one", claim=4, stdout=b"run again\n")

    assert queuectl.ok("logs", "one", "--attempt", "1").out == "run again\n"


def test_what_was_cut_off_is_told_and_no_character_is_cut_in_two(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed(), Completed(exit_code=0, output=wrote(b"x\n", length=1_000_000)))
    keep(queue, "one", claim=2, stdout="\u20ac end\n".encode()[1:])

    assert queuectl.ok("logs", "one", "--json").json["stdout"]["text"] == " end\n"
    with queuectl.start("logs", "one", text=False) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert out == "\u20ac end\n".encode()[1:]
    assert b"stdout: the last 7 bytes of 1,000,000 are kept." in err


def test_what_was_pruned_is_taken_from_the_event(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed(), Completed(exit_code=0, output=wrote(b"x" * 3000 + b"\n")))

    ran = queuectl.ok("logs", "one")

    assert ran.out == "x" * 1023 + "\n"
    assert "the last 1,024 bytes of 3,001 are kept" in ran.err


def test_an_attempt_that_runs_is_told(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed())

    ran = queuectl.ok("logs", "one")

    assert ran.out == ""
    assert "Attempt 1 has not ended" in ran.err


def test_a_job_that_has_not_run_is_refused(queuectl: Queuectl) -> None:
    enqueued(queuectl)

    ran = queuectl.here("logs", "one")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "has not run yet" in ran.err


def test_an_attempt_that_does_not_exist_is_refused(queuectl: Queuectl, queue: Queue) -> None:
    enqueued(queuectl)
    happened(queue, "one", claimed(), failed(SOON))

    ran = queuectl.here("logs", "one", "--attempt", "2")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert queuectl.here("logs", "one", "--attempt", "0").code == 2


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("0.5", "is pruned: it is older than `output-retention` allows"),
        ("3600", "is kept no longer"),
        ("0", "is kept no longer"),
    ],
)
def test_what_was_pruned_is_told_with_why_and_what_the_event_has_of_it(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]], asked: str, why: str
) -> None:
    ground = queue.connection.ground
    ground.log.append([append("job-one", builders.enqueued(), now=ground.clock.now() - timedelta(seconds=10))])
    completed(queue, "one", b"x" * 2000)
    assert queuectl.ok("logs", "one", "--json").json["pruned"] is False
    queuectl.ok("config", "set", "output-retention", asked)

    database["outputs"].delete_many({})
    ran = queuectl.ok("logs", "one")

    assert ran.out == "x" * 1024
    assert ran.err.startswith(f"! What it wrote {why}. Its event has this end of it.\n")
    assert queuectl.ok("logs", "one", "--json").json["pruned"] is True


def test_of_what_was_pruned_and_is_whole_in_its_event_there_is_nothing_to_say(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    enqueued(queuectl)
    completed(queue, "one", b"all of it\n")
    database["outputs"].delete_many({})

    ran = queuectl.ok("logs", "one")

    assert (ran.out, ran.err) == ("all of it\n", "")


def retention(database: Database[dict[str, Any]]) -> int | None:
    found = database["outputs"].index_information().get("retention")
    return None if found is None else int(found["expireAfterSeconds"])


def test_how_long_outputs_are_kept_is_a_setting_that_the_server_obeys(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    keep(queue, "one", claim=2, stdout=b"x")
    assert abs((database["outputs"].find_one() or {})["at"] - datetime.now(UTC).replace(tzinfo=None)) < SECOND * 60
    assert retention(database) == 14 * 86_400

    for asked, found in (("3600", 3600), ("0", None), ("60.5", 61)):
        queuectl.ok("config", "set", "output-retention", asked)
        assert retention(database) == found
    queuectl.ok("config", "unset", "output-retention")
    assert retention(database) == 14 * 86_400


def test_a_worker_that_starts_has_the_server_prune_as_the_setting_says(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    keep(queue, "one", claim=2, stdout=b"x")
    database["outputs"].update_one({}, {"$unset": {"at": ""}})  # as an older version kept it
    database["outputs"].drop_indexes()
    assert "is kept for ever, and `output-retention` is" in queuectl.here("doctor").out

    assert queuectl.process("worker", "start", "--until-empty").code == 0

    assert retention(database) == 14 * 86_400
    assert (database["outputs"].find_one() or {}).get("at") is not None
    assert "is kept for ever" not in queuectl.here("doctor").out


def test_where_a_change_is_cut_off_too_much_is_kept(
    queue: Queue, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AccessDenied("not authorized")

    monkeypatch.setattr(configuration, "store", refuse)
    for value in (60, 0):
        with pytest.raises(AccessDenied):
            queue.configure("output-retention", value)
    assert retention(database) is None  # as for the last one

    monkeypatch.undo()
    queue.configure("output-retention", 3600)
    monkeypatch.setattr(Outputs, "keep_for", refuse)
    queue.configure("output-retention", 60)
    for longer in (0, 7200):
        with pytest.raises(AccessDenied):
            queue.configure("output-retention", longer)
    assert queue.configuration()["output-retention"].value == 60
    assert retention(database) == 3600
