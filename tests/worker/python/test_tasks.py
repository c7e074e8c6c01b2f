"""What a task is given, and what comes back of it: its result, its error, what it prints, how far it is."""

import re
from pathlib import Path

import pytest

from eventqueue.model.retry import LONGEST_S
from eventqueue.tasks.outcomes import Raised, Returned
from eventqueue.worker.running.reports import Written
from tests.builders import job_that_is
from tests.patience import PATIENCE_S
from tests.worker.python.stage import APP, Stage, pid_in, stage


def test_a_task_is_called_in_a_child_and_what_it_returns_comes_back(one: Stage) -> None:
    ended = one.run("add", 1, b=2)

    assert ended.outcome == Returned(3)
    assert ended.duration_s > 0
    assert (ended.problem, ended.timed_out, ended.killed, ended.unharmed) == (None, False, False, None)


def test_a_run_is_told_of_as_begun_before_its_end(one: Stage) -> None:
    child = one.value("pid", key="first")

    one.run("add", 1)

    assert one.started("run").pid == child


def test_children_stay_and_import_once(one: Stage) -> None:
    assert len({one.value("pid") for _ in range(20)}) == 1


def test_a_task_knows_its_job(one: Stage) -> None:
    of = job_that_is("processing")
    assert of

    assert one.value("who", timeout=60) == [of.id, 1, 2, of.queue, f"{APP}.who", True, True]


def test_what_a_task_prints_and_logs_is_its_own(one: Stage) -> None:
    ended = one.run("talk")

    assert ended.stdout == Written(b"to stdout\n\x00\xffbinary\n", 19)
    lines = ended.stderr.tail.decode().splitlines()
    assert lines[0] == "to stderr"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO shop: logged", lines[1])
    assert lines[2].endswith("WARNING eventqueue.task: by the job's own")


def test_what_is_printed_past_python_belongs_to_who_is_alone(one: Stage) -> None:
    ended = one.run("talk_beside_python")

    assert ended.stdout.tail == b"from a subprocess\nby descriptor\n"
    assert ended.stderr.tail == b"and its stderr\n"


@pytest.mark.parametrize("timeout", [30 * 86_400.0, LONGEST_S])
def test_the_longest_timeout_ends_nothing(one: Stage, timeout: float) -> None:
    assert one.value("add", 1, 2, timeout=timeout) == 3


def test_what_prints_much_while_it_holds_pythons_lock_comes_to_its_end(one: Stage) -> None:
    ended = one.run("prints_under_the_lock", 256 * 1024, timeout=PATIENCE_S / 2)

    assert ended.outcome == Returned(256 * 1024)
    assert ended.stdout.total == 256 * 1024


def test_what_a_task_has_printed_so_far_can_be_seen_while_it_runs(one: Stage, tmp_path: Path) -> None:
    assert one.runner.so_far("run") is None
    one.start("prints_and_stays", tmp_path / "there")
    pid_in(tmp_path / "there")
    one.started()  # the task may be known to run before its runner has heard of it

    assert one.runner.so_far("run") == (Written(b"so far\n", 7), Written(b"", 0))

    one.runner.kill("run", 5.0)
    assert one.ended().stdout.tail == b"so far\n"


def test_of_what_is_printed_the_end_is_kept_and_all_is_counted(one: Stage) -> None:
    ended = one.run("shout", 20_000)

    assert ended.stdout.total == 20_000 * 1024 + len("the end\n")
    assert len(ended.stdout.tail) == 64 * 1024
    assert ended.stdout.tail.endswith(b"xxthe end\n")


def test_coroutines_that_run_together_print_each_its_own(one: Stage) -> None:
    for word in "abc":
        one.start("say_slowly", word, key=word)

    assert [one.ended(word).stdout.tail.decode().split() for word in "abc"] == [[word] * 3 for word in "abc"]


def test_a_task_that_takes_the_streams_away_does_not_take_them_from_the_next(one: Stage) -> None:
    assert one.run("takes_stdout_away").outcome == Returned(None)

    assert one.run("talk").stdout.total == 19


@pytest.mark.parametrize("task", ["raises", "raises_async"])
@pytest.mark.parametrize("kind", ["ValueError", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError"])
def test_whatever_a_task_raises_is_its_own_failure(one: Stage, task: str, kind: str) -> None:
    before = one.value("pid")

    outcome = one.run(task, kind).outcome

    assert isinstance(outcome, Raised)
    assert outcome.error.type.endswith(kind)
    assert "app.py" in (outcome.error.traceback or "")
    assert "eventqueue/worker" not in (outcome.error.traceback or "")
    assert one.value("pid") == before


def test_arguments_that_no_longer_fit_fail_it_for_good(one: Stage) -> None:
    outcome = one.run("add", "one").outcome

    assert isinstance(outcome, Raised)
    assert (outcome.error.type, outcome.is_final) == ("ArgumentsChanged", True)


@pytest.mark.parametrize("task", ["returns_what_cannot_be_kept", "returns_much"])
def test_a_result_that_cannot_be_kept_fails_it_for_good(one: Stage, task: str) -> None:
    outcome = one.run(task).outcome

    assert isinstance(outcome, Raised)
    assert (outcome.error.type, outcome.is_final) == ("ResultRefused", True)


def test_recursion_without_end_is_an_error_like_others(one: Stage) -> None:
    outcome = one.run("recurses").outcome

    assert isinstance(outcome, Raised)
    assert outcome.error.type == "RecursionError"


def test_a_copy_that_a_task_forks_tells_nothing_of_its_own(one: Stage) -> None:
    ended = one.run("forks")

    assert ended.outcome == Returned("original")
    assert ended.stdout.tail == b"from the copy\n"
    assert one.value("add", 1) == 2


def test_a_task_may_have_processes_and_threads_of_its_own(one: Stage) -> None:
    assert one.value("uses_multiprocessing") == [1, 2]
    assert one.value("uses_threads") == 3


def test_of_much_that_a_task_says_of_how_far_it_is_little_is_told(one: Stage) -> None:
    ended = one.run("advance")

    assert len(one.progress) <= 2 + ended.duration_s / 0.25


def test_a_task_that_is_no_longer_known_is_handed_back(one: Stage) -> None:
    ended = one.run("no_such_task")

    assert ended.unharmed == "its worker does not know its task any more"


def test_sync_tasks_run_side_by_side_in_the_threads_of_a_process_and_async_ones_on_its_loop() -> None:
    with stage(threads=3) as several:
        for number in range(3):
            several.start("meets", key=f"sync-{number}")
            several.start("meets_async", key=f"async-{number}")

        outcomes = [several.ended(f"{kind}-{number}").outcome for kind in ("sync", "async") for number in range(3)]

    assert len({str(outcome) for outcome in outcomes}) == 1  # one process
    assert all(isinstance(outcome, Returned) for outcome in outcomes)


def test_a_program_that_a_task_starts_is_given_nothing_of_its_processs_own(one: Stage) -> None:
    assert one.value("descriptors_of_a_program") == ["0", "1", "2", "3"]  # the last one is what `ls` reads
