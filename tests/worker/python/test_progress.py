"""How far tasks are: from what they say to what lists, the screen and JSON show."""

from pathlib import Path

import pytest
from bson.datetime_ms import DatetimeMS
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import Unavailable
from eventqueue.model.job import Job
from eventqueue.model.progress import NOTE_MAX, Progress, Said
from eventqueue.mongo.progress import Progresses
from eventqueue.telling.words import far
from eventqueue.worker.progressing import Progressing
from eventqueue.worker.python.messages import Progressed
from eventqueue.worker.python.plan import PythonPlan
from tests.builders import NOW
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until

APP = """
import time
from pathlib import Path
from eventqueue import Context, task

@task
def count(gate: Path, ctx: Context) -> int:
    for done in (float("nan"), float("inf"), "two", None):
        ctx.progress(done, 100)
    ctx.progress(1, 100, 5)
    ctx.progress(1, 100, "x" * 70_000_000)
    for done in range(1, 41):
        ctx.progress(done, 100, "page [3] $done")
    while not gate.exists():
        time.sleep(0.01)
    return 1
"""


def of(queue: Queue, job: Job) -> Progress | None:
    return queue.progress([job]).get(job.id)


def test_what_a_task_says_is_shown_while_it_runs(stage: Stage, start: Start, tmp_path: Path) -> None:
    (tmp_path / "pages.py").write_text(APP)
    gate = tmp_path / "gate"
    job = stage.queue.enqueue(task="pages.count", args=[str(gate)]).id
    crew = start(python=PythonPlan(imports=("pages",), import_path=(str(tmp_path),), processes=1))
    wait_until(lambda: (said := of(stage.queue, stage.job(job))) is not None and said.done == 40)

    found = of(stage.queue, stage.job(job))
    queuectl = Queuectl(environ(stage.uri, stage.db))

    assert found is not None
    assert (found.done, found.total, found.note) == (40, 100, "page [3] $done")
    assert "progress     40 %, 40 of 100, page [3] $done" in queuectl.ok("show", job).out
    assert "processing 40 %" in queuectl.ok("list").out
    assert queuectl.ok("list", "--json").json[0]["progress"]["done"] == 40
    assert "40 %, pages.count, 40 of 100, page [3] $done" in queuectl.ok("top", "--once").out
    gate.touch()
    stage.ended(job)
    assert of(stage.queue, stage.job(job)) is None
    crew.tell()
    assert crew.ends() == 0


def test_of_what_an_attempt_says_the_last_is_kept_and_another_attempt_begins_anew(
    database: Database[dict[str, object]],
) -> None:
    progresses = Progresses(database)
    progresses.put({("one", 2): Said(1, 10), ("two", 2): Said(1)})
    progresses.put({("one", 2): Said(2, 10, "$half")})

    found = progresses.get([("one", 2), ("two", 5), ("three", 2)])

    assert list(found) == ["one"]
    assert (found["one"].done, found["one"].note) == (2, "$half")


def test_what_a_hand_has_put_there_says_nothing_or_no_more_than_fits(database: Database[dict[str, object]]) -> None:
    progresses = Progresses(database)
    usual: dict[str, object] = {"done": 1, "total": None, "note": None, "at": NOW}
    odd: list[dict[str, object]] = [
        *({}, {**usual, "done": "half"}, {**usual, "done": {}}, {**usual, "note": 7}, {**usual, "at": "now"}),
        {**usual, "at": DatetimeMS(10**15)},
    ]
    there: list[dict[str, object]] = [*odd, {**usual, "note": "x" * 10_000}]
    database["progress"].insert_many({"_id": {"job": str(nth), "claim": 2}, **one} for nth, one in enumerate(there))

    found = progresses.get([(str(nth), 2) for nth in range(len(there))])

    assert [(job, said.note) for job, said in found.items()] == [(str(len(odd)), "x" * NOTE_MAX)]


def test_a_database_that_does_not_answer_is_said_once_and_stops_nobody(
    database: Database[dict[str, object]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    progresses = Progresses(database)
    progressing = Progressing(progresses)
    with monkeypatch.context() as patched:
        patched.setattr(progresses, "put", unavailable)
        for done in range(2):
            progressing.hear("one/2", Progressed(1, done, None, None))
            progressing.step()

    progressing.hear("one/2", Progressed(1, 7, None, None))
    progressing.step()

    assert caplog.text.count("how far tasks are is not shown") == 1
    assert progresses.get([("one", 2)])["one"].done == 7


def test_of_many_tasks_each_is_told_of_less_often(database: Database[dict[str, object]]) -> None:
    progressing = Progressing(Progresses(database))
    rests = []
    for count in (1, 10, 200):
        for number in range(count):
            progressing.hear(f"job-{number}/2", Progressed(number, 1, None, None))
        rests.append(progressing.step())

    assert rests == [0.25, 0.25, 5.0]


def unavailable(_: object) -> None:
    raise Unavailable("no primary")


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(3, None, None, NOW), "3"),
        (Progress(0.5, 1, None, NOW), "50 %, 0.5 of 1"),
        (Progress(7, 0, "all", NOW), "7 of 0, all"),
        (Progress(12, 10, None, NOW), "100 %, 12 of 10"),
        (Progress(-1, 10, None, NOW), "0 %, -1 of 10"),
    ],
    ids=str,
)
def test_how_far_is_told_in_words(progress: Progress, shown: str) -> None:
    assert far(progress) == shown
