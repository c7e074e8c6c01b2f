"""What a worker's child calls around its tasks, and the spans that it makes."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.tasks.outcomes import Returned
from tests.builders import job_that_is
from tests.worker.python.stage import Stage, stage

HOOKED = "tests.worker.python.hooked"


@pytest.fixture(name="hooked", scope="module")
def a_runner_with_hooks() -> Iterator[Stage]:
    with stage(imports=(HOOKED,)) as one:
        yield one


def job(task: str, *args: int, **fields: object) -> Job:
    found = job_that_is("processing")
    assert found
    return replace(found, run=Call(task=f"{HOOKED}.{task}", args=list(args)), **fields)


def run(on: Stage, one: Job) -> object:
    on.runner.start("run", one)
    outcome = on.ended("run").outcome
    return outcome.value if isinstance(outcome, Returned) else outcome


def test_hooks_are_called_around_each_task_within_its_job(hooked: Stage) -> None:
    of = job("double", 2, max_retries=3)

    hooked.runner.start("run", of)
    ended = hooked.ended("run")

    assert ended.outcome == Returned(4)
    assert ended.stdout.tail == b"success 4\n"
    assert b"the hook breaks failed" in ended.stderr.tail
    assert run(hooked, job("so_far")) == [f"start {of.id} 3", "success 4", f"start {of.id} {of.max_retries}"]


@pytest.mark.parametrize(("retries", "last"), [(1, []), (0, ["dead"])])
def test_a_failure_calls_its_own_and_the_last_one_that_of_deaths(hooked: Stage, retries: int, last: list[str]) -> None:
    run(hooked, job("so_far"))
    run(hooked, job("double", -1, max_retries=retries))

    assert run(hooked, job("so_far"))[2:-1] == ["failure less than nothing", *last]  # type: ignore[index]


@pytest.mark.parametrize("task", ["fine", "fine_async"])
def test_a_hook_that_ends_its_process_changes_nothing(hooked: Stage, task: str) -> None:
    assert run(hooked, job(task)) == "fine"
    run(hooked, job("so_far"))


def test_what_is_discarded_is_neither(hooked: Stage) -> None:
    run(hooked, job("so_far"))
    run(hooked, job("double", 0))

    assert len(run(hooked, job("so_far"))) == 3  # type: ignore[arg-type]


def test_a_run_has_a_span_that_is_linked_to_its_enqueueing(hooked: Stage) -> None:
    correlation = f"00-{1:032x}-{0xABC:016x}-01"

    assert run(hooked, job("span", correlation=correlation)) == f"run {HOOKED}.span ['0xabc']"
    assert run(hooked, job("span")) == f"run {HOOKED}.span []"


def test_a_task_that_is_only_told_to_stop_has_not_failed(hooked: Stage) -> None:
    run(hooked, job("so_far"))
    hooked.runner.start("stopped", job("waits", max_retries=0))
    hooked.started("stopped")
    hooked.runner.kill("stopped", 5.0)
    hooked.ended("stopped")

    called = run(hooked, job("so_far"))
    assert isinstance(called, list)
    assert [one for one in called if one.startswith(("failure", "dead"))] == []
