"""`queuectl enqueue --file`: many jobs, all of the file or nothing."""

from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import InvalidInput
from eventqueue.model.spec import Request
from tests.cli.commands import Queuectl

GOOD = b'{"command": "true", "id": "a"}\n\n{"command": "true", "id": "b"}\n'


def test_every_line_of_a_file_becomes_a_job(queuectl: Queuectl, tmp_path: Path) -> None:
    file = tmp_path / "jobs.jsonl"
    file.write_bytes(GOOD)

    ran = queuectl.process("enqueue", "--file", str(file))

    assert (ran.code, ran.out, ran.err) == (0, "✔ 2 jobs added\n", "")
    assert {job["id"] for job in queuectl.ok("list", "--json").json} == {"a", "b"}


def test_a_file_is_read_from_stdin(queuectl: Queuectl) -> None:
    ran = queuectl.process("enqueue", "--file", "-", stdin=GOOD)

    assert (ran.code, ran.out) == (0, "✔ 2 jobs added\n")


def test_what_was_there_already_is_counted(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--file", "-", stdin=GOOD)

    ran = queuectl.ok("enqueue", "--file", "-", stdin=GOOD + b'{"command": "false"}\n')

    assert ran.out == "✔ 1 job added, 2 were there already\n"


def test_of_what_was_there_already_it_is_said_how_many_will_not_run_or_not_here(
    queuectl: Queuectl, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queuectl.ok("enqueue", "--file", "-", stdin=GOOD)
    queue.cancel("a")
    again = queuectl.ok("enqueue", "--json", "--file", "-", stdin=GOOD)
    assert [again.json[part] for part in ("added", "existing", "ended")] == [0, 2, 1]
    assert [(one["created"], one["state"], one["elsewhere"]) for one in again.json["jobs"]] == [
        (False, "cancelled", None),
        (False, "pending", None),
    ]
    monkeypatch.chdir(tmp_path)

    ran = queuectl.ok("enqueue", "--file", "-", stdin=GOOD)

    said = "0 jobs added, 2 were there already (1 of them ended, and will not run; 1 of them in another directory)"
    assert (ran.out, ran.err) == ("", f"! {said}\n")


def test_many_jobs_that_were_there_already_are_read_at_once(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    lines = b"".join(b'{"command": "true", "id": "job-%d"}\n' % number for number in range(300))
    queuectl.ok("enqueue", "--file", "-", stdin=lines)
    database.command("profile", 2)

    queuectl.ok("enqueue", "--file", "-", stdin=lines)

    database.command("profile", 0)
    assert 1 <= database["system.profile"].count_documents({"op": "query", "ns": f"{database.name}.events"}) < 10


def test_more_than_one_batch_is_added(queuectl: Queuectl) -> None:
    lines = b"".join(b'{"command": "echo %d"}\n' % number for number in range(1203))

    ran = queuectl.ok("enqueue", "--file", "-", stdin=lines)

    assert ran.out == "✔ 1,203 jobs added\n"
    assert queuectl.ok("status", "--json").json["pending"] == 1203


def test_with_json_the_receipts_are_in_one_document(queuectl: Queuectl) -> None:
    document = queuectl.ok("enqueue", "--json", "--file", "-", stdin=GOOD).json

    assert (document["added"], document["existing"]) == (2, 0)
    assert [receipt["id"] for receipt in document["jobs"]] == ["a", "b"]
    assert (document["skipped"], document["refused"]) == ([], [])


BAD = {
    "no JSON": (b"{command", "Line 3: it is no valid JSON"),
    "no job": (b'{"queue": "mail"}', "Line 3: command: is required"),
    "an operator": (b'{"command": {"$gt": ""}}', "Line 3: command: expected text"),
    "no UTF-8": (b'{"command": "\xff"}', "Line 3: it is not valid UTF-8 at byte 14"),
    "a lone surrogate": (b'{"command": "\\ud800"}', "Line 3: command: is not valid UTF-8: it holds a lone surrogate"),
    "too large": (
        b'{"command": "%s"}' % (b"x" * 300_000),
        "Line 3: command: has 300,000 bytes in one text; 131,071 are the most",
    ),
    "too large together": (
        b'{"command": "true", "meta": {"a": "%s"}}' % (b"x" * 300_000),
        "Line 3: meta: has 300,0",
    ),
}


@pytest.mark.parametrize(("line", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_and_nothing_is_added(shared: Queuectl, line: bytes, said: str) -> None:
    ran = shared.here("enqueue", "--file", "-", stdin=b'{"command": "true"}\n\n' + line + b'\n{"command": "true"}\n')

    assert (ran.code, ran.out) == (1, "")
    named, summary = ran.err.splitlines()
    assert said in named
    assert "Nothing was added" in summary
    assert shared.ok("list", "--json").json == []


def test_a_bad_line_late_in_a_large_file_still_stops_all_of_it(shared: Queuectl) -> None:
    ran = shared.here("enqueue", "--file", "-", stdin=b'{"command": "true"}\n' * 1200 + b"{}\n")

    assert ran.code == 1
    assert "Line 1201: " in ran.err
    assert shared.ok("list", "--json").json == []


def test_a_line_that_is_a_job_no_more_when_its_turn_comes_is_named_and_not_left_out_in_silence(
    queuectl: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    check = Queue.check

    def check_once(queue: Queue, fields: dict[str, Any]) -> Request:
        looks.append(fields)
        if len(looks) > 2 and fields["id"] == "b":  # each line is checked twice: that much later it is too late
            raise InvalidInput("expires_at", "is not after the delay")
        return check(queue, fields)

    monkeypatch.setattr(Queue, "check", check_once)
    ran = queuectl.here("enqueue", "--file", "-", stdin=GOOD)

    assert (ran.code, ran.out) == (1, "")
    assert "✘ Line 3: expires_at: is not after the delay" in ran.err


def test_a_mark_of_the_encoding_in_front_is_no_part_of_the_first_line(queuectl: Queuectl) -> None:
    assert queuectl.here("enqueue", "--file", "-", stdin=b"\xef\xbb\xbf" + GOOD).out == "✔ 2 jobs added\n"


def test_when_it_is_to_be_quiet_the_ids_are_the_answer(queuectl: Queuectl) -> None:
    ran = queuectl.here("--quiet", "enqueue", "--file", "-", stdin=b'{"command": "true", "id": "a"}\n' * 2)

    assert (ran.out, ran.err) == ("a\na\n", "")


def test_of_many_bad_lines_the_first_are_named(shared: Queuectl) -> None:
    ran = shared.here("enqueue", "--file", "-", stdin=b"{}\n" * 100)

    assert ran.err.count("Line ") == 20
    assert "80 lines more" in ran.err


def test_skip_invalid_adds_the_rest(queuectl: Queuectl) -> None:
    ran = queuectl.here("enqueue", "--file", "-", "--skip-invalid", stdin=b"{}\n" + GOOD)

    assert (ran.code, ran.out) == (0, "✔ 2 jobs added, 1 line skipped\n")
    assert "Line 1: command: is required" in ran.err


def test_skipped_lines_are_in_the_document(queuectl: Queuectl) -> None:
    ran = queuectl.ok("enqueue", "--json", "--file", "-", "--skip-invalid", stdin=b'{"\\ud800": 1}\n{}\n' + GOOD)

    assert [one["line"] for one in ran.json["skipped"]] == [1, 2]


def test_a_job_that_is_there_with_another_specification_is_named_and_the_others_are_added(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", '{"command": "false", "id": "b"}')

    ran = queuectl.here("enqueue", "--file", "-", stdin=GOOD)

    assert (ran.code, ran.out) == (1, "✔ 1 job added, 1 refused\n")
    assert "Line 3: Job b exists already" in ran.err


@pytest.mark.parametrize("path", ["no-such-file", "/"])
def test_a_file_that_cannot_be_read_is_refused(shared: Queuectl, path: str) -> None:
    ran = shared.process("enqueue", "--file", path)

    assert ran.code == 1
    assert ran.err.startswith("✘ ")
    assert ran.err.count("\n") == 1
    assert path in ran.err


def test_an_empty_file_adds_nothing(shared: Queuectl) -> None:
    assert shared.ok("enqueue", "--file", "-", stdin=b"\n").out == "✔ 0 jobs added\n"
