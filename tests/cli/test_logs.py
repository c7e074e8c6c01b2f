"""`queuectl logs`: what attempts wrote."""

from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from eventqueue.events import Completed, Released
from eventqueue.queue import Queue
from tests.builders import NOW, SOON, claimed, failed
from tests.cli.commands import PATIENCE_S, Queuectl, is_one_sentence
from tests.cli.past import SECOND, completed, happened, keep, wrote


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


def test_what_was_pruned_is_told_with_why_and_what_the_event_has_of_it(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    completed(queue, "one", b"the end\n")
    assert queuectl.ok("logs", "one", "--json").json["pruned"] is False
    queuectl.ok("config", "set", "output-retention", "3600")

    database["outputs"].delete_many({})
    ran = queuectl.ok("logs", "one")

    assert ran.out == "the end\n"
    assert ran.err == (
        "! What it wrote is pruned: it is older than `output-retention` (1 h). Its event has this end of it.\n"
    )
    assert queuectl.ok("logs", "one", "--json").json["pruned"] is True


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


def test_what_an_older_version_has_kept_for_ever_is_pruned_from_now_on(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    database["outputs"].drop_indexes()
    database["layout"].update_one({}, {"$unset": {"prunes": ""}})

    queuectl.ok("status")

    assert retention(database) == 14 * 86_400
