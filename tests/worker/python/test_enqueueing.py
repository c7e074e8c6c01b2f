"""A task enqueues another: to where its worker is, whatever the environment says."""

from pathlib import Path

from eventqueue.worker.python.plan import PythonPlan
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until

CHAIN = """
from eventqueue import current_job, task

@task
def first(n: int) -> str:
    return second.enqueue(n + 1).id

@task
def second(n: int) -> int:
    return n
"""


def test_what_a_task_enqueues_goes_to_where_its_worker_is(stage: Stage, start: Start, tmp_path: Path) -> None:
    (tmp_path / "chain.py").write_text(CHAIN)
    job = stage.queue.enqueue(task="chain.first", args=[1]).id
    crew = start(python=PythonPlan(imports=("chain",), import_path=(str(tmp_path),), processes=1))
    stage.ended(job)

    result = stage.job(job).result
    assert result
    wait_until(lambda: stage.queue.get(result.value).result)
    following = stage.queue.get(result.value).result
    assert following
    assert following.value == 2
    crew.tell()
    assert crew.ends() == 0
