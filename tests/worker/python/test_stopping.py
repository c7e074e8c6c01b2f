"""Stopping a task: at its timeout, or because somebody wants it no more; and what becomes of who ran beside it."""

from pathlib import Path

import pytest

from eventqueue.model.retry import LONGEST_S
from eventqueue.tasks.outcomes import Raised, Returned
from eventqueue.worker.python import pool
from eventqueue.worker.running.reports import Ended
from tests.worker.python.stage import Stage, pid_in, stage
from tests.worker.stage import wait_until

SHORT_S = 0.1


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("task", ["stay", "spin", "stay_async", "waits_for_stop"])
def test_a_task_that_runs_too_long_is_interrupted_and_its_process_stays(one: Stage, task: str, tmp_path: Path) -> None:
    before = one.value("pid")

    ended = one.run(task, tmp_path / "there", timeout=SHORT_S)

    assert ended.timed_out
    assert ended.duration_s >= SHORT_S * 0.9
    assert one.value("pid") == before


@pytest.mark.parametrize("task", ["stay", "stay_async"])
def test_a_task_that_is_interrupted_tells_where_it_was(one: Stage, task: str, tmp_path: Path) -> None:
    ended = one.run(task, tmp_path / "there", timeout=SHORT_S)

    assert isinstance(ended.outcome, Raised)
    assert f", in {task}\n" in (ended.outcome.error.traceback or "")


@pytest.mark.parametrize("task", ["stubborn", "stubborn_async", "blocks_signals"])
def test_a_task_that_does_not_stop_is_killed_after_the_grace(
    one: Stage, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "TIMEOUT_GRACE_S", SHORT_S)

    ended = one.run(task, tmp_path / "there", timeout=SHORT_S)

    assert ended.timed_out
    assert ended.problem is None
    assert not is_there(pid_in(tmp_path / "there"))
    assert one.value("add", 1) == 2


@pytest.mark.parametrize("task", ["stay", "stay_async", "waits_for_stop"])
def test_a_task_that_is_killed_is_asked_first(one: Stage, task: str, tmp_path: Path) -> None:
    one.start(task, tmp_path / "there")
    pid = pid_in(tmp_path / "there")

    one.runner.kill("run", 10.0)

    ended = one.ended()
    assert (ended.killed, ended.timed_out) == (True, False)
    assert one.value("pid") == pid


def test_a_kill_without_grace_asks_nobody(one: Stage, tmp_path: Path) -> None:
    one.start("stay", tmp_path / "there")
    pid = pid_in(tmp_path / "there")

    one.runner.kill("run", 0.0)

    assert one.ended().killed
    assert not is_there(pid)


def test_an_unknown_key_is_ignored(one: Stage) -> None:
    one.runner.kill("never heard of", 1.0)

    assert one.value("add", 1) == 2


def test_who_ran_beside_one_that_had_to_be_killed_is_handed_back_and_who_waited_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "TIMEOUT_GRACE_S", SHORT_S)
    with stage(threads=2) as two:
        two.start("stay", tmp_path / "beside", key="beside")
        two.start("stubborn", tmp_path / "there", key="stubborn", timeout=SHORT_S)
        pid_in(tmp_path / "beside")
        two.start("add", 1, key="waits")

        assert two.ended("stubborn").timed_out
        assert two.ended("beside").unharmed == "its process was ended for another job's timeout"
        assert two.ended("waits").outcome == Returned(2)


def test_one_that_waits_behind_others_is_never_begun_where_it_is_killed(one: Stage, tmp_path: Path) -> None:
    one.start("stay", tmp_path / "there", key="first")
    pid_in(tmp_path / "there")
    one.start("note", tmp_path / "notes", "second", key="second")
    one.start("note", tmp_path / "notes", "third", key="third")

    one.runner.kill("second", 5.0)

    assert one.ended("second").killed
    one.runner.kill("first", 5.0)
    assert one.ended("first").killed
    assert one.ended("third").outcome == Returned(None)
    assert (tmp_path / "notes").read_text() == "third\n"


def test_a_timeout_counts_from_when_a_task_begins(one: Stage, tmp_path: Path) -> None:
    one.start("stay", tmp_path / "there", 2.5, key="first")
    one.start("stay", tmp_path / "then", 0.0, key="second", timeout=2.0)

    assert one.ended("first").outcome == Returned("slept")
    assert one.ended("second").outcome == Returned("slept")


@pytest.mark.parametrize("task", ["stay", "stay_async"])
def test_a_timeout_may_be_longer_than_any_wait_of_the_kernels(one: Stage, task: str, tmp_path: Path) -> None:
    assert one.run(task, tmp_path / "there", SHORT_S, timeout=LONGEST_S).outcome == Returned("slept")


def test_where_a_process_is_free_nothing_waits_behind_a_long_one(tmp_path: Path) -> None:
    with stage(processes=2) as two:
        two.start("stay", tmp_path / "one", key="one")
        two.start("stay", tmp_path / "two", key="two")
        pid_in(tmp_path / "one")
        pid_in(tmp_path / "two")
        for number in range(10):
            two.start("add", number, key=f"behind-{number}")

        two.runner.kill("one", 5.0)

        assert two.ended("one").killed
        assert [two.ended(f"behind-{number}").outcome for number in range(10)] == [Returned(n + 1) for n in range(10)]


def test_at_the_end_of_the_lease_all_is_killed_and_nothing_begins_until_it_is_extended(tmp_path: Path) -> None:
    with stage() as one:
        one.start("stay", tmp_path / "there", key="runs")
        pid = pid_in(tmp_path / "there")
        one.start("add", 1, key="waits")

        one.runner.extend(SHORT_S)

        assert one.ended("runs").lease_lost
        assert one.ended("waits").lease_lost
        assert not is_there(pid)
        assert one.run("add", 1, key="late").lease_lost
        one.runner.extend(60.0)
        assert one.value("add", 1) == 2


def test_closing_kills_all_tells_of_it_and_leaves_nothing(tmp_path: Path) -> None:
    with stage() as one:
        one.value("leaves_something", tmp_path / "left")
        left = pid_in(tmp_path / "left")
        one.start("stay", tmp_path / "there", key="runs")
        pid = pid_in(tmp_path / "there")
        one.start("add", 1, key="waits")

    assert (one.ended("runs").killed, one.ended("waits").killed) == (True, True)
    wait_until(lambda: not is_there(pid) and not is_there(left))
    assert one.said(Ended) == 0


def test_a_child_that_is_stopped_runs_into_its_timeout_all_the_same(
    one: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "TIMEOUT_GRACE_S", SHORT_S)
    ended = one.run("stops_itself", tmp_path / "there", timeout=SHORT_S)

    assert ended.timed_out
    assert not is_there(pid_in(tmp_path / "there"))
