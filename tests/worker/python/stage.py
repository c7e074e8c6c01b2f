"""A runner of Python tasks with children of its own, and all that it tells; no database, and no engine."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.messages import Progressed
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.runner import PythonRunner
from eventqueue.worker.running.reports import Ended, Started
from tests.builders import job_that_is
from tests.patience import PATIENCE_S

APP = "tests.worker.python.app"
ROOT = str(Path(__file__).parents[3])


def job(task: str, *args: Any, timeout: float | None = None, **kwargs: Any) -> Job:
    """Return a claimed job that calls a task of the app."""
    import msgspec

    found = job_that_is("processing")
    assert found
    plain = msgspec.to_builtins([args, kwargs], enc_hook=str)
    run = Call(task=f"{APP}.{task}", args=plain[0], kwargs=plain[1])
    return msgspec.structs.replace(found, run=run, timeout=timeout)


class Stage:
    """One runner, and what it has told."""

    def __init__(self, **plan: Any) -> None:
        self.plan = PythonPlan(**{"imports": (APP,), "import_path": (ROOT,), "processes": 1, **plan})
        self.server = ForkServer(self.plan)
        self.progress: list[Progressed] = []
        self._running: set[str] = set()
        self._told: list[Started | Ended] = []
        self._news = threading.Condition()
        never, self._open = os.pipe()
        try:
            assert self.server.await_ready(print, lambda chunk: print(chunk.decode()), never)
        finally:
            os.close(never)
            os.close(self._open)
        self.runner = PythonRunner(self._tell, self.plan, self.server, self._progressed)

    def _tell(self, message: Started | Ended) -> None:
        with self._news:
            self._told.append(message)
            if isinstance(message, Ended):
                self._running.discard(message.key)
            self._news.notify_all()

    def _progressed(self, _key: str, message: Progressed) -> None:
        self.progress.append(message)

    def start(self, task: str, *args: Any, key: str = "run", **more: Any) -> None:
        with self._news:
            self._running.add(key)
        self.runner.start(key, job(task, *args, **more))

    def run(self, task: str, *args: Any, key: str = "run", **more: Any) -> Ended:
        self.start(task, *args, key=key, **more)
        return self.ended(key)

    def value(self, task: str, *args: Any, **more: Any) -> Any:
        """Run a task, and return what it returned."""
        ended = self.run(task, *args, **more)
        assert ended.outcome is not None, ended
        return ended.outcome.value if hasattr(ended.outcome, "value") else ended.outcome

    def started(self, key: str = "run") -> Started:
        found = self._take(Started, key)
        assert isinstance(found, Started)
        return found

    def ended(self, key: str = "run") -> Ended:
        found = self._take(Ended, key)
        assert isinstance(found, Ended)
        return found

    def _take(self, kind: type, key: str) -> Started | Ended:
        def find() -> Started | Ended | None:
            return next((one for one in self._told if isinstance(one, kind) and one.key == key), None)

        with self._news:
            assert self._news.wait_for(find, PATIENCE_S), f"no {kind.__name__} of {key}: {self._told}"
            found = find()
            assert found
            self._told.remove(found)
            return found

    def settle(self) -> None:
        """Have nothing run any more, and forget what was told: whoever is next finds it as if it were new."""
        with self._news:
            left = sorted(self._running)
        for key in left:
            self.runner.kill(key, 0.0)
        with self._news:
            assert self._news.wait_for(lambda: not self._running, PATIENCE_S), f"{self._running} cannot be ended"
            self._told.clear()
            self.progress.clear()

    def said(self, kind: type) -> int:
        """Return how many such messages came that nobody has taken."""
        return sum(isinstance(one, kind) for one in self._told)


@contextmanager
def stage(**plan: Any) -> Iterator[Stage]:
    """A runner that is closed in the end."""
    one = Stage(**plan)
    try:
        yield one
    finally:
        one.runner.close()


@contextmanager
def few_descriptors(more: int = 5) -> Iterator[None]:
    """This process may have so many more than it has; less than none: also where it closes some."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def pid_in(file: Path) -> int:
    """Wait until a task has written its pid into a file, and return it."""
    from tests.worker.stage import wait_until

    wait_until(lambda: file.exists() and file.read_text().strip() != "")
    return int(file.read_text())
