"""`queuectl cancel`, `retry`, `wait` and `dlq`."""

import json
import os
import re
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from eventqueue.api.bulk import Acted, Bulk
from eventqueue.api.queue import Queue
from eventqueue.cli import acting
from eventqueue.cli.doing import Doing
from eventqueue.cli.restart import _Restarting
from eventqueue.errors import AccessDenied, QueueError, Unavailable
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.acts import ActEnded
from eventqueue.model.events import Cancelled
from eventqueue.ports.views import Found, Lag
from tests.api.test_acts import in_act
from tests.builders import CANCELLED, claimed, failed
from tests.cli.commands import Queuectl, Ran, is_one_sentence
from tests.cli.past import completed, died, happened, keep
from tests.cli.terminals import Line, on_terminals

ACT = "[0-9a-f-]{36}"
NOTHING = {"act": None, **dict.fromkeys(("jobs", "done", "already", "refused", "untried", "in_doubt"), 0)}


def lines(ran: Ran) -> list[Any]:
    return [json.loads(line) for line in ran.out.splitlines()]


def enqueued(queuectl: Queuectl, *job_ids: str, queue: str = "default") -> None:
    for job_id in job_ids:
        queuectl.ok("enqueue", "--id", job_id, "--queue", queue, "--", "true")


def state(queuectl: Queuectl, job_id: str) -> str:
    found: str = queuectl.ok("show", job_id, "--json").json["state"]
    return found


@pytest.fixture
def mixed(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """One job in each state, and two dead in another queue."""
    enqueued(queuectl, "pending", "processing", "completed", "failed", "dead", "cancelled")
    enqueued(queuectl, "mail-1", "mail-2", queue="mail")
    happened(queue, "processing", claimed())
    completed(queue, "completed")
    happened(queue, "failed", claimed(), failed())
    happened(queue, "cancelled", CANCELLED)
    died(queue, "dead", "exit code 1: no such file")
    died(queue, "mail-1", "exit code 7: connection refused (10.0.0.1)")
    died(queue, "mail-2", "exit code 7: no route")
    return queuectl


def test_cancel_makes_waiting_jobs_cancelled(queuectl: Queuectl) -> None:
    enqueued(queuectl, "one", "two")

    ran = queuectl.process("cancel", "one", "two")

    assert (ran.code, ran.out) == (0, "✔ Job one is cancelled\n✔ Job two is cancelled\n")
    assert state(queuectl, "one") == state(queuectl, "two") == "cancelled"


def test_to_cancel_what_is_cancelled_changes_nothing_and_says_so(mixed: Queuectl) -> None:
    before = mixed.ok("history", "cancelled", "--json").json

    assert mixed.ok("cancel", "cancelled").out == "✔ Job cancelled is cancelled already\n"

    assert mixed.ok("cancel", "cancelled", "--json").json == [{"id": "cancelled", "version": 2, "changed": False}]
    assert mixed.ok("history", "cancelled", "--json").json == before


BEGUN = (
    *("show compl", "why compl", "history compl", "logs compl", "wait compl", "replay compl", "audit verify compl"),
    *("cancel pend", "retry cance", "dlq retry dea", "dlq discard dea", "cancel --dry-run pend"),
)


@pytest.mark.parametrize("words", BEGUN)
def test_whatever_is_typed_of_an_id_is_enough_if_no_other_begins_so(mixed: Queuectl, words: str) -> None:
    *command, begun = words.split()
    whole = next(name for name in ("completed", "pending", "cancelled", "dead") if name.startswith(begun))

    assert whole in mixed.ok(*command, "--json", begun).out or command == ["audit", "verify"]

    ran = mixed.here(*command, "mail-")
    assert ran.code == 1
    assert "'mail-' fits several jobs" in ran.err


def test_one_refusal_does_not_stop_the_others(mixed: Queuectl) -> None:
    ran = mixed.here("cancel", "completed", "no-such-job", "pending")

    assert (ran.code, ran.out) == (1, "✔ Job pending is cancelled\n")
    assert ran.err.splitlines() == [
        "✘ No job 'no-such-job': `queuectl list` shows the ids.",  # before anything is done
        "✘ Cannot cancel job completed: it is completed.",
    ]


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("run-now", "dead"), "it is dead; `queuectl retry` has it run again, and `queuectl restart` "),
        (("set", "dead", "--priority", "1"), "it is dead; `queuectl retry` has it run again, and `queuectl restart` "),
        (("set", "completed", "--priority", "1"), "it is completed; `queuectl restart` "),
        (("retry", "completed"), "it is completed; `queuectl restart` "),
    ],
    ids=lambda one: " ".join(one[:2]) if isinstance(one, tuple) else "",
)
def test_what_has_ended_and_cannot_be_changed_is_told_with_what_to_do_instead(
    mixed: Queuectl, words: tuple[str, ...], instead: str
) -> None:
    ran = mixed.here(*words)

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert instead in ran.err


def test_a_wrong_id_is_told_with_the_one_that_may_be_meant_before_anything_is_done(mixed: Queuectl) -> None:
    mixed.ok("list")  # by what the view shows
    ran = mixed.here("cancel", "pending", "complted")

    assert (ran.code, ran.out) == (1, "✔ Job pending is cancelled\n")
    assert ran.err == "✘ No job 'complted' (is completed meant?): `queuectl list` shows the ids.\n"


def test_of_ids_that_are_made_here_none_is_meant_by_a_wrong_one(mixed: Queuectl, queue: Queue) -> None:
    made = queue.enqueue(command="true").id

    ran = mixed.here("cancel", f"{made[:-1]}!")

    assert ran.err == f"✘ No job '{made[:-1]}!': `queuectl list` shows the ids.\n"


def test_the_outcomes_are_one_json_document(mixed: Queuectl) -> None:
    ran = mixed.here("retry", "--json", "dead", "pending")

    assert ran.code == 1
    done, refused = ran.json
    assert done == {"id": "dead", "version": 5, "changed": True}
    assert refused == {
        "id": "pending",
        "error": "Cannot retry job pending: it is pending.",
        "code": "illegal-transition",
    }


def test_jobs_that_are_named_are_one_act_and_each_of_them_has_its_line(mixed: Queuectl, queue: Queue) -> None:
    ran = mixed.here("cancel", "nobody", "failed", "pending", "pend", "completed", "--json")

    assert ran.code == 1
    assert [(one["id"], one.get("code")) for one in ran.json] == [
        *(("nobody", "job-not-found"), ("failed", None), ("pending", None), ("completed", "illegal-transition")),
    ]
    events = [queue.history(one)[-1].event for one in ("failed", "pending")]
    acts = {one.act for one in events if isinstance(one, Cancelled)}
    (act,) = acts
    assert in_act(queue, act)[-1] == ActEnded(done=2, refused=1)


def test_a_ctrl_c_among_jobs_that_are_named_lets_those_on_their_way_end(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 2)
    monkeypatch.setattr(Bulk, "__next__", ctrl_c(after=1))

    ran = mixed.here("retry", "failed", "dead", "mail-1")

    assert (ran.code, ran.out.count("is pending again\n")) == (130, 2)
    assert "✘ Not tried: 1 job (mail-1).\n" in ran.err
    assert state(mixed, "mail-1") == "dead"


@pytest.mark.parametrize("named", [("failed",), ("failed", "dead")], ids=len)
@pytest.mark.parametrize("error", [AccessDenied("Not this user's."), Unavailable("No answer.")], ids=type)
def test_what_the_database_refuses_or_does_not_answer_is_no_success(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch, error: QueueError, named: Sequence[str]
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(GroupCommit, "append", fails)

    ran = mixed.here("retry", "--json", *named)

    assert ran.code == 1
    assert str(error) in ran.err
    assert [one["is_tried"] for one in ran.json] == [False] * len(named)


def test_a_job_named_twice_is_meant_once(queuectl: Queuectl) -> None:
    enqueued(queuectl, "one")

    assert queuectl.ok("cancel", "one", "one").out == "✔ Job one is cancelled\n"


def test_retry_brings_failed_dead_and_cancelled_jobs_back(mixed: Queuectl) -> None:
    ran = mixed.process("retry", "failed", "dead", "cancelled")

    assert ran.code == 0
    assert {state(mixed, job_id) for job_id in ("failed", "dead", "cancelled")} == {"pending"}


def test_who_retried_is_recorded(mixed: Queuectl) -> None:
    mixed.ok("retry", "dead")

    last = mixed.ok("history", "dead", "--json").json[-1]
    assert last["type"] == "retried"
    assert last["actor"].startswith("cli/")


def test_all_of_cancel_are_the_jobs_that_wait_or_run(mixed: Queuectl) -> None:
    mixed.ok("cancel", "--all", "--yes")

    states = {job["id"]: job["state"] for job in mixed.ok("list", "--json").json}
    assert {states[job_id] for job_id in ("pending", "processing", "failed", "cancelled")} == {"cancelled"}
    assert (states["completed"], states["dead"], states["mail-1"]) == ("completed", "dead", "dead")


def test_of_all_jobs_the_sum_is_told_and_not_each(mixed: Queuectl) -> None:
    assert re.fullmatch(
        rf"✔ 2 jobs are pending again \(act {ACT}\)\n", mixed.ok("dlq", "retry", "--queue", "mail", "--yes").out
    )
    assert re.fullmatch(rf"✔ 1 job is cancelled \(act {ACT}\)\n", mixed.ok("dlq", "discard", "--all", "--yes").out)


def test_what_somebody_else_moved_on_meanwhile_is_refused_and_counted(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Queue, "find", lambda *_, **__: Found(["dead", "completed", "mail-1"], Lag(0.0)))

    ran = mixed.here("dlq", "retry", "--all", "--yes")

    assert ran.code == 1
    assert re.fullmatch(rf"✔ 2 of 3 jobs are pending again \(act {ACT}\)\n", ran.out)
    assert ran.err == "✘ Job completed is not dead: it is completed.\n"


@pytest.mark.parametrize(("ids", "said"), [(["dead"], "1 job is pending again"), ([], "No jobs.")])
def test_where_the_view_is_behind_an_act_is_not_on_all_and_its_exit_code_says_so(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch, ids: list[str], said: str
) -> None:
    monkeypatch.setattr(Queue, "find", lambda *_, **__: Found(ids, Lag(3.0)))

    ran = mixed.here("retry", "--all", "--yes")

    assert ran.code == 1
    assert said in ran.out + ran.err
    assert "! The view is 3.0 s behind the log" in ran.err
    assert "✘ Jobs that the view does not show yet were left as they are: ask again later for them" in ran.err


def test_an_act_is_on_all_that_was_done_before_it_was_asked_for(queuectl: Queuectl) -> None:
    enqueued(queuectl, "one", "two")

    assert "2 jobs are cancelled" in queuectl.ok("cancel", "state:pending", "--yes").out


def ctrl_c(after: int, sent: signal.Signals = signal.SIGINT) -> Callable[[Bulk], Acted]:
    """What sends a Ctrl-C, or another signal, once so many jobs were read of."""
    next_of = Bulk.__next__
    read: list[str] = []

    def interrupted(self: Bulk) -> Acted:
        found = next_of(self)
        read.append(found.job_id)
        if len(read) == after:
            os.kill(os.getpid(), sent)
            while not self.is_stopped:  # in another thread
                threading.Event().wait(0.01)
        return found

    return interrupted


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_ctrl_c_lets_what_is_on_its_way_end_and_leaves_the_sum(
    mixed: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, code: int
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 2)
    monkeypatch.setattr(Bulk, "__next__", ctrl_c(after=1, sent=sent))

    ran = mixed.here("retry", "--all", "--yes", "--json")

    *jobs, found = lines(ran)
    assert ran.code == code
    assert [one["id"] for one in jobs] == ["failed", "dead"]
    assert found == {**NOTHING, "act": found["act"], "jobs": 4, "done": 2, "untried": 2}
    assert re.search(rf"! 2 of 4 jobs are pending again \(act {ACT}\)\n", ran.err)
    assert "Ctrl-C again does not wait for them" in ran.err
    assert in_act(queue, found["act"])[-1] == ActEnded(done=2, untried=2)


def test_a_second_ctrl_c_leaves_what_it_did_not_wait_for_in_doubt(
    mixed: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 2)
    append = GroupCommit.append
    appended: list[int] = []

    def interrupted(self: GroupCommit, appends: Any) -> Any:
        appended.append(len(appends))
        if len(appended) == 2:
            raise KeyboardInterrupt
        return append(self, appends)

    monkeypatch.setattr(GroupCommit, "append", interrupted)

    ran = mixed.here("retry", "--all", "--yes", "--json")

    *jobs, found = lines(ran)
    assert ran.code == 130
    assert [(one["id"], one.get("in_doubt", False)) for one in jobs] == [
        *(("failed", False), ("dead", False)),
        *(("mail-1", True), ("mail-2", True)),
    ]
    assert found == {**NOTHING, "act": found["act"], "jobs": 4, "done": 2, "in_doubt": 2}
    assert "! 2 jobs more may be, which was not waited for: to ask again is safe.\n" in ran.err


def second_time(act: Callable[..., Any]) -> Callable[..., Any]:
    """What does so, but the second time, when there is a Ctrl-C."""
    calls: list[int] = []

    def call(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return act(*args)

    return call


@pytest.mark.parametrize("command", ["retry", "restart"])
def test_what_was_done_to_jobs_that_are_named_is_told_though_a_second_ctrl_c_came_before_it(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for doing in (Doing, _Restarting):
        monkeypatch.setattr(doing, "tell", second_time(doing.tell))
    ids = ["dead", "cancelled", "failed", "mail-1"] if command == "retry" else ["dead", "cancelled", "completed"]

    ran = mixed.here(command, *ids)

    assert ran.code == 130
    assert len(ran.out.splitlines()) == 1
    said = "3 more jobs are pending again" if command == "retry" else "2 more jobs are restarted"
    assert ran.err == f"! {said}, which was not told one by one ({', '.join(ids[1:])}).\n✘ Interrupted.\n"


def test_what_is_known_of_jobs_that_are_named_is_in_the_document_though_nobody_can_read_on(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bulk, "__next__", second_time(Bulk.__next__))

    ran = mixed.here("retry", "dead", "completed", "failed", "--json")

    assert ran.code == 130
    assert [(one["id"], one.get("changed"), "error" in one) for one in ran.json] == [
        *(("dead", True, False), ("completed", None, True), ("failed", True, False)),
    ]


def test_each_job_that_an_act_was_done_to_has_its_line_once_though_a_second_ctrl_c_came_before_it(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "_print", second_time(acting._print))

    ran = mixed.here("retry", "--all", "--yes", "--json")

    *jobs, found = lines(ran)
    assert ran.code == 130
    assert sorted(one["id"] for one in jobs) == ["dead", "failed", "mail-1", "mail-2"]
    assert found == {**NOTHING, "act": found["act"], "jobs": 4, "done": 4}


def test_all_of_retry_are_the_jobs_that_failed_or_died(mixed: Queuectl) -> None:
    *jobs, found = lines(mixed.ok("retry", "--all", "--yes", "--json"))

    assert {outcome["id"] for outcome in jobs} == {"failed", "dead", "mail-1", "mail-2"}
    assert found == {**NOTHING, "act": found["act"], "jobs": 4, "done": 4}
    assert state(mixed, "cancelled") == "cancelled"


CHOSEN: dict[tuple[str, ...], set[str]] = {
    ("retry", "--all", "--queue", "mail"): {"mail-1", "mail-2"},
    ("retry", "--queue", "mail"): {"mail-1", "mail-2"},
    ("retry", "queue:mail", "error~refused"): {"mail-1"},
    ("retry", "queue:mail error~refused"): {"mail-1"},
    ("retry", "state:cancelled"): {"cancelled"},
    ("retry", "--state", "failed"): {"failed"},
    ("retry", "created<-2h"): set(),
    ("cancel", "state:dead", "--queue", "mail"): {"mail-1", "mail-2"},
    ("cancel", "queue=default"): {"pending", "processing", "failed"},
    ("dlq", "discard", "--error", "no route"): {"mail-2"},
    ("dlq", "retry", "state:dead", "created>-1h"): {"dead", "mail-1", "mail-2"},
    ("set", "queue=default", "--priority", "3"): {"pending", "failed"},
    ("set", "--all", "--priority", "3"): {"pending", "failed"},
    ("run-now", "--state", "failed"): {"failed"},
    ("retry", "state:dead state:failed", "queue:default", "queue:nobody"): {"failed", "dead"},
    ("cancel", "--state", "dead", "--state", "pending", "--queue", "mail", "--queue", "default"): {
        *("dead", "pending", "mail-1", "mail-2"),
    },
    ("restart", "queue=mail"): {"mail-1", "mail-2"},
    ("restart", "--all", "--priority", "3"): {"dead", "mail-1", "mail-2"},
    ("restart", "state:completed"): {"completed"},
    ("cancel", "id=pending"): {"pending"},
}


@pytest.mark.parametrize(("words", "ids"), CHOSEN.items(), ids=map(" ".join, CHOSEN))
def test_whatever_can_be_listed_can_be_acted_on(mixed: Queuectl, words: tuple[str, ...], ids: set[str]) -> None:
    assert {one["id"] for one in mixed.ok(*words, "--dry-run", "--json").json} == ids

    ran = mixed.ok(*words, "--yes", "--json")

    found = ran.json if ids == {"pending"} else [one for one in lines(ran) if "id" in one]
    assert {one.get("restart_of", one["id"]) for one in found} == ids


REFUSED = {
    ("cancel", "state:completed"): "is for jobs that are pending, failed, processing or dead: it can be done to none",
    ("dlq", "retry", "--state", "failed"): "This is for jobs that are dead: it can be done to none that is failed",
    ("set", "state:processing", "--priority", "1"): "for jobs that are pending or failed",
    ("retry", "state:dead", "state:completed"): "can be done to none that is completed",
    ("cancel", "--state", "due", "--state", "dead"): "is asked for twice, with a time that a job is due",
    ("cancel", "stat=dead"): "'stat' is no field (is state meant?)",
    ("cancel", "pending", "queue:mail"): "Give the jobs' ids, or conditions that choose among all jobs, not both",
    ("cancel", "--scan"): "Give the jobs' ids, or conditions such as queue:mail, or --all",
    ("restart", "state:failed"): "is for jobs that are dead, completed or cancelled: it can be done to none",
    ("restart", "queue:mail", "--edit"): "--edit is of one job",
    ("run-now",): "Give the jobs' ids, or conditions such as queue:mail, or --all",
    ("cancel", "queue:mail", "--queue", "web"): "queue: is asked for twice",
    ("set", "--all"): "Say what is to be changed",
}


@pytest.mark.parametrize(("words", "said"), REFUSED.items(), ids=map(" ".join, REFUSED))
def test_what_cannot_be_meant_is_refused_in_a_sentence(shared: Queuectl, words: tuple[str, ...], said: str) -> None:
    ran = shared.here(*words, "--yes")

    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err


def test_a_word_that_is_a_condition_and_a_job_is_refused_until_it_is_said_which_is_meant(queuectl: Queuectl) -> None:
    enqueued(queuectl, "queue:mail-7")
    enqueued(queuectl, "one", queue="mail")

    ran = queuectl.here("cancel", "queue:mail", "--yes")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "job queue:mail-7 has such an id. Say queue=mail for the condition, or id=queue:mail for the job" in ran.err
    assert state(queuectl, "queue:mail-7") == "pending"

    assert queuectl.ok("cancel", "id=queue:mail").out == "✔ Job queue:mail-7 is cancelled\n"
    assert "1 job is cancelled" in queuectl.ok("cancel", "queue=mail", "--yes").out


@pytest.mark.parametrize(
    "words", [("cancel",), ("retry",), ("dlq", "discard"), ("set", "--priority", "1"), ("restart",)]
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_where_nobody_can_be_asked_nothing_is_done_without_yes(
    mixed: Queuectl, words: tuple[str, ...], form: tuple[str, ...]
) -> None:
    ran = mixed.here(*words, "--all", *form)

    assert (ran.code, ran.out) == (1, "")
    assert "Nothing was done to " in ran.err
    assert "--yes does it, --dry-run shows which they are." in ran.err
    assert state(mixed, "pending") == "pending"
    assert ("1 of which runs" in ran.err) == (words == ("cancel",))


def test_on_a_terminal_what_it_would_be_is_shown_and_asked_about(mixed: Queuectl) -> None:
    for number in range(6):
        enqueued(mixed, f"more-{number}")
    ((declined, shown), (agreed, after)) = (
        on_terminals(mixed, [Line(("cancel", "--all"))], typed=typed)[0] for typed in ("n\r", "y\r")
    )

    assert (declined, agreed) == (1, 0)
    assert "more-5" in shown
    assert "… and 4 jobs more." in shown
    assert "1 of them runs now, and would be killed." in shown
    assert "Cancel 9 jobs? [y/N]" in shown
    assert "Nothing was done" in shown
    assert "9 jobs are cancelled" in after
    assert state(mixed, "pending") == "cancelled"


def test_what_would_be_a_scan_is_refused_until_it_is_asked_for(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.reading.listing.VAIN_MAX", 1)

    ran = mixed.here("cancel", "meta.customer=acme", "--yes")

    assert ran.code == 1
    assert "--scan" in ran.err
    assert mixed.here("cancel", "meta.customer=acme", "--scan", "--yes").err == "! No jobs.\n"
    assert "3 jobs are cancelled" in mixed.ok("cancel", "--all", "--yes").out


def test_history_and_why_tell_of_the_act_that_a_job_was_part_of(mixed: Queuectl, queue: Queue) -> None:
    act = lines(mixed.ok("cancel", "--all", "--yes", "--why", "it is over", "--json"))[-1]["act"]

    assert f"it is over; as one of 3, act {act}" in " ".join(mixed.ok("history", "pending").out.split())
    assert f"with others (act {act}): it is over" in " ".join(mixed.ok("why", "pending").out.split())
    assert "cancel 3 jobs that it is for; it is over" in mixed.ok("events", "--stream", f"act-{act}").out
    assert mixed.ok("events", "--where", f"data.act={act}", "--json").out.count("\n") == 3


def test_dlq_list_shows_dead_jobs_alone(mixed: Queuectl) -> None:
    ran = mixed.process("dlq", "list", "--json")

    assert {job["id"] for job in ran.json} == {"dead", "mail-1", "mail-2"}
    assert "connection refused" in mixed.ok("dlq", "list").out


def test_dlq_list_can_be_narrowed(mixed: Queuectl) -> None:
    def listed(*options: str) -> set[str]:
        return {job["id"] for job in mixed.ok("dlq", "list", "--json", *options).json}

    assert listed("--queue", "mail") == {"mail-1", "mail-2"}
    assert listed("--error", "connection refused (10.") == {"mail-1"}
    assert len(listed("--limit", "1")) == 1


def test_dlq_retry_brings_dead_jobs_back(mixed: Queuectl) -> None:
    ran = mixed.process("dlq", "retry", "dead")

    assert (ran.code, ran.out) == (0, "✔ Job dead is pending again\n")


def test_dlq_retry_all_takes_those_that_fit(mixed: Queuectl) -> None:
    mixed.ok("dlq", "retry", "--all", "--error", "no route", "--yes")

    assert (state(mixed, "mail-1"), state(mixed, "mail-2"), state(mixed, "failed")) == ("dead", "pending", "failed")


def test_a_dry_run_shows_and_changes_nothing(mixed: Queuectl) -> None:
    ran = mixed.ok("dlq", "retry", "--all", "--queue", "mail", "--dry-run", "--json")
    assert ran.err == "! 2 jobs in all; nothing was done.\n"

    assert {job["id"] for job in ran.json} == {"mail-1", "mail-2"}
    assert {job["state"] for job in ran.json} == {"dead"}
    assert state(mixed, "mail-1") == "dead"


def test_a_dry_run_of_named_jobs_shows_them(mixed: Queuectl) -> None:
    assert [job["id"] for job in mixed.ok("cancel", "pend", "--dry-run", "--json").json] == ["pending"]
    assert state(mixed, "pending") == "pending"


def test_dlq_discard_cancels_dead_jobs(mixed: Queuectl) -> None:
    ran = mixed.process("dlq", "discard", "--all", "--queue", "mail", "--yes")

    assert ran.code == 0
    assert (state(mixed, "mail-1"), state(mixed, "mail-2"), state(mixed, "dead")) == ("cancelled", "cancelled", "dead")


@pytest.mark.parametrize("command", ["retry", "discard"])
def test_the_dlq_commands_leave_other_jobs_alone(mixed: Queuectl, command: str) -> None:
    for job_id in ("failed", "pending", "cancelled"):
        ran = mixed.here("dlq", command, job_id)

        assert ran.code == 1
        assert f"is not dead: it is {job_id}" in ran.err
        assert state(mixed, job_id) == job_id


COMMANDS = [("cancel",), ("retry",), ("dlq", "retry"), ("dlq", "discard"), ("restart",)]


@pytest.mark.parametrize("command", COMMANDS[:-1], ids=" ".join)  # of the last one --queue is where the new job goes
@pytest.mark.parametrize("args", [(), ("x", "--all"), ("x", "--queue", "q"), ("x", "error~e"), ("--dry-run",)])
def test_which_jobs_must_be_said_in_one_way(shared: Queuectl, command: tuple[str, ...], args: tuple[str, ...]) -> None:
    ran = shared.here(*command, *args)

    assert ran.code == 2
    assert is_one_sentence(ran)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_all_of_nothing_is_done(shared: Queuectl, command: tuple[str, ...]) -> None:
    assert shared.ok(*command, "--all", "--json").json == NOTHING
    assert shared.ok(*command, "--all").err == "! No jobs.\n"


def test_wait_is_over_when_every_job_completed(mixed: Queuectl) -> None:
    ran = mixed.process("wait", "completed")

    assert (ran.code, ran.out) == (0, "✔ Job completed completed\n")


@pytest.mark.parametrize("job_id", ["dead", "cancelled"])
def test_wait_fails_for_a_job_that_ended_otherwise(mixed: Queuectl, job_id: str) -> None:
    ran = mixed.here("wait", "completed", job_id)

    assert ran.code == 1
    assert f"✘ Job {job_id} is {job_id}" in ran.err


def test_wait_prints_the_jobs_as_json_in_the_order_asked_for(mixed: Queuectl) -> None:
    ran = mixed.here("wait", "--json", "dead", "completed")

    assert ran.code == 1
    assert [job["state"] for job in ran.json] == ["dead", "completed"]
    assert {tuple(job) for job in ran.json} == {tuple(job) for job in mixed.ok("list", "--json").json}


def test_wait_gives_up_after_its_timeout(mixed: Queuectl) -> None:
    ran = mixed.here("wait", "pending", "--timeout", "0.1", "--quiet")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "pending" in ran.err


def test_wait_needs_a_job(shared: Queuectl) -> None:
    ran = shared.here("wait")

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_cancel_and_wait_say_so_while_a_cancelled_process_may_still_live(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "sleep 1000")
    happened(queue, "one", claimed())

    assert "its process is being ended" in queuectl.ok("cancel", "one").err
    assert "its process is being ended" in queuectl.here("wait", "one").err

    keep(queue, "one", claim=2, stdout=b"what it wrote\n")

    assert "being ended" not in queuectl.here("wait", "one").err
    assert queuectl.ok("logs", "one").out == "what it wrote\n"


def test_a_job_that_never_ran_has_no_process_to_end(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert queuectl.ok("cancel", "one").err == ""
