"""`queuectl cancel`, `retry`, `wait` and `dlq`."""

from collections.abc import Iterator
from itertools import islice

import pytest

from eventqueue.api.bulk import Acted
from eventqueue.api.queue import Queue
from eventqueue.ports.views import Found, Lag
from tests.builders import CANCELLED, claimed, failed
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed, died, happened, keep


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
        "✘ Cannot cancel job completed: it is completed.",
        "✘ No job 'no-such-job': `queuectl list` shows the ids.",
    ]


def test_the_outcomes_are_one_json_document(mixed: Queuectl) -> None:
    ran = mixed.here("retry", "--json", "dead", "pending")

    assert ran.code == 1
    done, refused = ran.json
    assert done == {"id": "dead", "version": 5, "changed": True}
    assert (refused["id"], refused["error"]) == ("pending", "Cannot retry job pending: it is pending.")


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
    mixed.ok("cancel", "--all")

    states = {job["id"]: job["state"] for job in mixed.ok("list", "--json").json}
    assert {states[job_id] for job_id in ("pending", "processing", "failed", "cancelled")} == {"cancelled"}
    assert (states["completed"], states["dead"], states["mail-1"]) == ("completed", "dead", "dead")


def test_of_all_jobs_the_sum_is_told_and_not_each(mixed: Queuectl) -> None:
    assert mixed.ok("dlq", "retry", "--all", "--queue", "mail").out == "✔ 2 jobs are pending again\n"
    assert mixed.ok("dlq", "discard", "--all").out == "✔ 1 job is cancelled\n"


def test_what_somebody_else_moved_on_meanwhile_is_refused_and_counted(
    mixed: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Queue, "find", lambda *_: Found(["dead", "completed", "mail-1"], Lag(0.0)))

    ran = mixed.here("dlq", "retry", "--all")

    assert (ran.code, ran.out) == (1, "✔ 2 of 3 jobs are pending again\n")
    assert ran.err == "✘ Job completed is not dead: it is completed.\n"


def test_a_ctrl_c_leaves_the_sum_of_what_was_done_and_of_what_may_be(
    mixed: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.api.acts.BATCH", 1)

    def interrupted(queue: Queue, *args: object, **named: object) -> Iterator[Acted]:
        yield from islice(retry_many(queue, *args, **named), 1)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    retry_many = Queue.retry_many
    monkeypatch.setattr(Queue, "retry_many", interrupted)

    mixed.ok("enqueue", "--id", "mail-3", "--queue", "mail", "--max-retries", "0", "--", "false")
    died(queue, "mail-3")
    ran = mixed.here("retry", "--all", "--queue", "mail", "--json")

    assert ran.code == 130
    assert [one.get("is_tried", True) for one in ran.json] == [True, True, False]
    assert [one.get("in_doubt", False) for one in ran.json] == [False, True, False]
    assert (
        "! 1 of 3 jobs are pending again\n! 1 job more may be, which was not waited for: to ask again is safe.\n"
        in ran.err
    )


def test_all_of_retry_are_the_jobs_that_failed_or_died(mixed: Queuectl) -> None:
    ran = mixed.ok("retry", "--all", "--json")

    assert {outcome["id"] for outcome in ran.json} == {"failed", "dead", "mail-1", "mail-2"}
    assert state(mixed, "cancelled") == "cancelled"


def test_all_can_be_narrowed_to_a_queue(mixed: Queuectl) -> None:
    assert {one["id"] for one in mixed.ok("retry", "--all", "--queue", "mail", "--json").json} == {"mail-1", "mail-2"}


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
    mixed.ok("dlq", "retry", "--all", "--error", "no route")

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
    ran = mixed.process("dlq", "discard", "--all", "--queue", "mail")

    assert ran.code == 0
    assert (state(mixed, "mail-1"), state(mixed, "mail-2"), state(mixed, "dead")) == ("cancelled", "cancelled", "dead")


@pytest.mark.parametrize("command", ["retry", "discard"])
def test_the_dlq_commands_leave_other_jobs_alone(mixed: Queuectl, command: str) -> None:
    for job_id in ("failed", "pending", "cancelled"):
        ran = mixed.here("dlq", command, job_id)

        assert ran.code == 1
        assert f"is not dead: it is {job_id}" in ran.err
        assert state(mixed, job_id) == job_id


COMMANDS = [("cancel",), ("retry",), ("dlq", "retry"), ("dlq", "discard")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("args", [(), ("x", "--all"), ("x", "--queue", "q"), ("x", "--error", "e"), ("--dry-run",)])
def test_which_jobs_must_be_said_in_one_way(shared: Queuectl, command: tuple[str, ...], args: tuple[str, ...]) -> None:
    ran = shared.here(*command, *args)

    assert ran.code == 2
    assert is_one_sentence(ran)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_all_of_nothing_is_done(shared: Queuectl, command: tuple[str, ...]) -> None:
    assert shared.ok(*command, "--all", "--json").json == []
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
    ran = mixed.here("wait", "pending", "--timeout", "0.1")

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
