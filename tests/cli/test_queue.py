"""`queuectl queue`: pausing, resuming and listing queues; and where else a pause is shown."""

import json

import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import Unavailable
from projections.reading.reader import ViewReader
from tests.cli.commands import Queuectl, is_one_sentence


@pytest.fixture
def mail(queuectl: Queuectl) -> Queuectl:
    """A database with a job in queue mail, which is paused, and one in web."""
    queuectl.ok("enqueue", "--queue", "mail", "--id", "letter", "--", "true")
    queuectl.ok("enqueue", "--queue", "web", "--id", "page", "--", "true")
    assert queuectl.ok("queue", "pause", "mail", "--why", "the server moves").out == "✔ Queue mail is paused\n"
    return queuectl


def test_a_paused_queue_is_listed_with_since_when_by_whom_and_why(mail: Queuectl) -> None:
    paused, web = mail.process("queue", "list", "--json").json
    lines = mail.ok("queue", "list").out.splitlines()

    assert (paused["name"], paused["pending"], paused["paused"]["why"]) == ("mail", 1, "the server moves")
    assert paused["paused"]["by"].startswith("cli/")
    assert paused["paused"]["since"].endswith("Z")
    assert (web["name"], web["pending"], web["paused"]) == ("web", 1, None)
    assert lines[0].split()[-2:] == ["PAUSED", "BY"]
    assert lines[1].startswith("mail")
    assert lines[1].endswith(": the server moves")


def test_a_pause_is_shown_by_status_and_top(mail: Queuectl, queue: Queue) -> None:
    status = mail.ok("status", "--json").json
    top = json.loads(mail.ok("top", "--once", "--json").out)

    assert list(status["paused"]) == list(top["paused"]) == ["mail"]
    assert status["paused"]["mail"]["why"] == "the server moves"
    assert any(line.startswith("queue mail is paused since") for line in mail.ok("status").out.splitlines())
    assert "1 paused" in mail.ok("top", "--once").out
    assert list(queue.status().paused) == ["mail"]


def test_pausing_and_resuming_twice_is_said_plainly_and_changes_nothing(mail: Queuectl) -> None:
    again = mail.ok("queue", "pause", "mail", "--why", "another reason")
    assert again.out.startswith("✔ Queue mail is paused already, since ")
    assert again.out.endswith(": the server moves\n")
    assert mail.ok("queue", "pause", "mail", "--json").json["changed"] is False

    resumed = mail.ok("queue", "resume", "mail", "--json").json
    assert (resumed["name"], resumed["paused"], resumed["changed"]) == ("mail", None, True)
    assert mail.ok("queue", "resume", "mail").out == "✔ Queue mail is not paused\n"
    assert mail.ok("status", "--json").json["paused"] == {}


def test_workers_leave_a_paused_queue_alone_and_end_all_the_same(mail: Queuectl) -> None:
    ran = mail.process("worker", "start", "--until-empty")

    assert ran.code == 0, ran.err
    assert mail.ok("show", "letter", "--json").json["state"] == "pending"
    assert mail.ok("show", "page", "--json").json["state"] == "completed"


def test_a_history_with_pauses_is_proven(mail: Queuectl) -> None:
    assert mail.ok("audit", "verify", "--all", "--json").json["findings"] == []
    assert mail.ok("projections", "verify").code == 0
    assert mail.ok("projections", "rebuild").code == 0
    assert mail.ok("queue", "list", "--json").json[0]["paused"]["why"] == "the server moves"


def test_a_queue_may_be_paused_before_its_first_job_and_a_name_nobody_knows_is_noted(queuectl: Queuectl) -> None:
    ran = queuectl.ok("queue", "pause", "mial")

    assert "No job was ever in queue mial" in ran.err
    assert "No job was ever in queue mali" in queuectl.ok("queue", "resume", "mali").err
    assert [one["name"] for one in queuectl.ok("queue", "list", "--json").json] == ["mial"]


def test_no_queues_are_a_note(shared: Queuectl) -> None:
    ran = shared.ok("queue", "list")

    assert (ran.out, "queuectl enqueue" in ran.err) == ("", True)
    assert shared.ok("queue", "list", "--json").json == []


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize("name", ["a b", "", "x" * 129, "a/b"])
def test_what_is_no_queues_name_is_refused(shared: Queuectl, command: str, name: str) -> None:
    ran = shared.here("queue", command, name)

    assert ran.code == 1
    assert is_one_sentence(ran)


def test_a_pause_that_was_made_is_told_though_the_rest_cannot_be_read(
    queuectl: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(_: Queue) -> None:
        raise Unavailable("MongoDB did not answer in time: try again.")

    monkeypatch.setattr(Queue, "status", unanswered)

    ran = queuectl.here("queue", "pause", "mail")

    assert (ran.code, ran.out) == (0, "✔ Queue mail is paused\n")


@pytest.mark.parametrize("words", ["top --once", "list --queue nobody", "count --queue nobody", "queue pause nobody"])
def test_who_asks_for_no_jobs_that_wait_for_their_time_has_none_counted(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    queue.enqueue(command="true")
    monkeypatch.setattr(ViewReader, "scheduled", lambda *_: pytest.fail("they were counted"))

    assert queuectl.here(*words.split()).code == 0
