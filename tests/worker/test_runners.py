"""Each job is run by the runner of its kind, and one that there is none for is handed back."""

from msgspec.structs import replace

from eventqueue.model.events import Call, Shell
from eventqueue.model.job import Job
from eventqueue.worker.runners import Runners
from eventqueue.worker.running.reports import Ended, Started, Written
from tests.builders import job_that_is


class Noting:
    """A runner that notes what it is ordered to."""

    def __init__(self) -> None:
        self.orders: list[tuple[object, ...]] = []

    def start(self, key: str, job: Job) -> None:
        self.orders.append(("start", key))

    def kill(self, key: str, grace_s: float) -> None:
        self.orders.append(("kill", key, grace_s))

    def extend(self, deadline_s: float) -> None:
        self.orders.append(("extend", deadline_s))

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        return (Written(b"two\n", 4), Written(b"", 0)) if ("start", key) in self.orders else None

    def close(self) -> None:
        self.orders.append(("close",))


def processing(run: Shell | Call) -> Job:
    job = job_that_is("processing")
    assert job
    return replace(job, run=run)


def test_a_job_is_run_by_that_of_its_kind_and_all_hear_the_rest() -> None:
    shells, tasks = Noting(), Noting()
    runners = Runners(lambda _: None, {Shell: shells, Call: tasks})

    runners.start("one", processing(Shell(command="true")))
    runners.start("two", processing(Call(task="send")))
    assert runners.so_far("two") == (Written(b"two\n", 4), Written(b"", 0))
    assert runners.so_far("three") is None
    runners.kill("two", 1.0)
    runners.extend(5.0)
    runners.close()

    rest: list[tuple[object, ...]] = [("kill", "two", 1.0), ("extend", 5.0), ("close",)]
    assert shells.orders == [("start", "one"), *rest]
    assert tasks.orders == [("start", "two"), *rest]


def test_a_job_of_a_kind_that_is_not_run_here_is_handed_back() -> None:
    told: list[Started | Ended] = []

    Runners(told.append, {Shell: Noting()}).start("one", processing(Call(task="send")))

    assert told == [Ended(key="one", unharmed="its worker runs no jobs of its kind")]
