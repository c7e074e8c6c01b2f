"""What a sentence about a job names leads there, and nothing else does."""

from datetime import UTC, datetime
from typing import Any

from eventqueue.audit.clauses import Around, Clause, Place, Reason, Why
from eventqueue.audit.waiting import busy
from eventqueue.audit.why import explain
from eventqueue.model.job import State
from eventqueue.model.waits import Kind, Wait
from eventqueue.web.asked import Asked
from eventqueue.web.entry.roles import Role, Visitor
from eventqueue.web.pages.job_links import Piece, clauses, linked
from tests.audit.test_why import BUSY
from tests.builders import NOW, enqueued, history, job

NOBODY: Any = None
ASKED = Asked(NOBODY, Visitor(Role.VIEWER, "ann"), datetime(2026, 1, 1, tzinfo=UTC), "/jobs/one", NOBODY, NOBODY)


def test_names_are_links_where_they_stand_as_words_and_commands_are_code() -> None:
    text = "Job a-1 waits for a, not for ab: `queuectl cancel a` ends a."
    found = linked(text, {"a": "/a", "a-1": "/a-1", "": "/"}, ["queuectl cancel a"])

    assert [*found] == [
        Piece("Job "),
        Piece("a-1", "/a-1"),
        Piece(" waits for "),
        Piece("a", "/a"),
        Piece(", not for ab: "),
        Piece("queuectl cancel a", is_code=True),
        Piece(" ends "),
        Piece("a", "/a"),
        Piece("."),
    ]


def test_what_others_wrote_is_no_command_however_it_looks() -> None:
    said = Wait(kind=Kind.PAUSED, since=NOW, by="ann", why="do `queuectl db delete`, now")
    around = Around(now=NOW, waits=[said])

    (told, *_) = clauses(ASKED, job(enqueued()), explain(job(enqueued()), history(enqueued()), around))

    assert [one.text for one in told.pieces if one.is_code] == ["queuectl queue resume default"]
    assert "`queuectl db delete`" in "".join(one.text for one in told.pieces)


def test_jobs_that_keep_slots_busy_are_links() -> None:
    running = [one for _, jobs in BUSY for one in jobs]
    text = busy(BUSY, running, NOW)

    (told,) = clauses(ASKED, job(enqueued()), Why("one", State.PENDING, (Clause(kind=Reason.BUSY, text=text),)))

    assert {one.text for one in told.pieces if one.href} == {one.id for one in running[:3]}


def test_the_event_by_which_a_clause_is_true_is_where_it_stands() -> None:
    def evidence(stream: str) -> str | None:
        clause = Clause(kind=Reason.PAUSED, text="it is so", event=Place(stream, 3))
        (told,) = clauses(ASKED, job(enqueued()), Why("one", State.PENDING, (clause,)))
        return None if told.evidence is None else told.evidence.href

    assert evidence("job-one") == "/jobs/one#v3"
    assert evidence("job-a:b") == "/jobs/a%3Ab"
    assert evidence("queue-mail") == "/queues/mail"
    assert evidence("config-default") is None
