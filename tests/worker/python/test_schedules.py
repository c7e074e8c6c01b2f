"""Schedules that stand in the code of the modules that a worker imports."""

from pathlib import Path

import pytest

from eventqueue.model.events import Call
from eventqueue.worker.python.plan import PythonPlan
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until

TICKING = """
from datetime import timedelta
from eventqueue import schedule, task

@schedule({when})
@task(queue="mail", max_retries=1, tags=["often"])
def tick(n: int = 1) -> int:
    return n
"""


def plan(tmp_path: Path, when: str) -> PythonPlan:
    (tmp_path / "ticking.py").write_text(TICKING.format(when=when))
    return PythonPlan(imports=("ticking",), import_path=(str(tmp_path),), processes=1)


def test_a_worker_sets_them_and_their_jobs_are_as_the_task_says(stage: Stage, start: Start, tmp_path: Path) -> None:
    crew = start(python=plan(tmp_path, "every=timedelta(seconds=1), name='often', kwargs={'n': 7}"))
    wait_until(lambda: stage.queue.list(queue="mail").jobs)
    job = stage.queue.list(queue="mail").jobs[0]
    stage.ended(job.id)
    crew.tell()

    assert crew.ends() == 0
    assert job.run == Call(task="ticking.tick", kwargs={"n": 7})
    assert (job.max_retries, job.tags) == (1, ("often",))
    ended = stage.job(job.id)
    assert ended.result
    assert ended.result.value == 7


def test_a_second_worker_changes_nothing_and_another_definition_takes_the_place(
    stage: Stage, start: Start, tmp_path: Path
) -> None:
    for when in ("'0 3 * * *'", "'0 3 * * *'", "'0 4 * * *', tz='Europe/Berlin'"):
        crew = start(python=plan(tmp_path, when), count=1)
        crew.await_said("started")
        crew.tell()
        assert crew.ends() == 0

    (found,) = stage.queue.schedules()
    assert (found.name, found.version, found.cron, found.tz) == ("ticking.tick", 2, "0 4 * * *", "Europe/Berlin")
    assert found.set_by.startswith("cli/")


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("'every day'", "Schedule ticking.tick cannot be: cron"),
    ],
)
def test_one_that_is_none_ends_the_worker_in_a_sentence(
    stage: Stage, start: Start, tmp_path: Path, when: str, why: str
) -> None:
    crew = start(python=plan(tmp_path, when), count=1)

    assert crew.ends() == 1
    assert why in crew.logged()
    assert stage.queue.schedules() == []
