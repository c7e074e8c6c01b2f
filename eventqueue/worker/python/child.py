"""A child that runs tasks: sync ones in its threads, the main one first, async ones on one loop in a thread of its own.

What becomes of a run goes out at once by a write of its own, with the mark of the next one that begins. So at a death
the worker knows exactly what had begun, and no run's end is lost by another's crash. Deadlines are the worker's.
"""

import asyncio
import atexit
import contextvars
import faulthandler
import logging
import mmap
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, NoReturn

from eventqueue.tasks import registry
from eventqueue.tasks.outcomes import Outcome
from eventqueue.worker.python.calls import Running
from eventqueue.worker.python.capture import Pipes, Printed, Streams, current
from eventqueue.worker.python.interrupting import NUDGE
from eventqueue.worker.python.messages import (
    NOT_BEGUN,
    UNKNOWN,
    Back,
    Began,
    Frames,
    HandedBack,
    Leave,
    Message,
    Over,
    Progressed,
    Run,
    Stop,
    framed,
    kind_of,
    to_child,
)
from eventqueue.worker.python.rings import rings

LEAVE_S = 5.0  # for what a process does at its end
REPORT_S = 0.25  # between two reports of how far runs are
_READ_BYTES = 256 * 1024


class Fds(NamedTuple):
    """What a child is given to hear, and to be heard."""

    stream: int
    pipes: tuple[tuple[int, int], tuple[int, int]]  # of each the read and the write end
    memory: int


class Child:
    """Serves the worker at the other end of its stream, with so many threads for what is not async."""

    def __init__(self, fds: Fds, threads: int, streams: Streams) -> None:
        self._fd = fds.stream
        self._pid = os.getpid()
        self._threads = threads
        self._streams = streams
        self._context = contextvars.copy_context()  # as the modules have left it
        self._memory = memoryview(mmap.mmap(fds.memory, 0))
        os.close(fds.memory)
        self._pipes = Pipes(self._alone, fds.pipes)
        self._frames = Frames()
        self._writing = threading.Lock()
        self._waiting: queue.SimpleQueue[Running] = queue.SimpleQueue()
        self._known: dict[int, Running] = {}  # by number, those that are not over
        self._begun: dict[int, Running] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reports: dict[int, Progressed] = {}  # that have not been told yet
        self._reporting = threading.Lock()  # over them, and whether a thread tells them
        self._is_reporting = False
        self._reported = threading.Event()

    def serve(self) -> NoReturn:
        """Run what is ordered, until the worker wants no more, or is gone."""
        signal.signal(NUDGE, lambda *_: None)
        # By the descriptor: where C code crashed, in which line of whose Python. Not what the other threads do, of whom
        # the last would stand behind it: of all that is written the end is kept.
        faulthandler.enable(2, all_threads=False)
        os.register_at_fork(after_in_child=self._become_a_copy)
        self._start("pipes", self._pipes.run)
        self._start("orders", self._listen)
        for number in range(1, self._threads):
            self._start(f"tasks-{number}", partial(self._work, number))
        self._work(0)

    def _start(self, name: str, run: Callable[[], object]) -> None:
        def run_or_die() -> None:
            try:
                run()
            except BaseException:  # half of this process is of no use
                logging.getLogger(__name__).exception("the %s thread failed", name)
                os._exit(70)

        threading.Thread(target=run_or_die, name=name, daemon=True).start()

    # Orders

    def _listen(self) -> NoReturn:
        while chunk := os.read(self._fd, _READ_BYTES):
            coming: list[Running] = []
            for frame in self._frames.feed(chunk):
                match to_child.decode(frame):
                    case Run() as order:
                        self._ordered(order, coming)
                    case Stop() as order:
                        self._stop(order)
                    case Back():
                        self._hand_back()
                    case Leave():
                        self._leave()
            if coming:
                self._on_loop(coming)
        os._exit(0)

    def _leave(self) -> NoReturn:
        """Do what the user's modules have for the end, so that what they have gathered goes out; not for ever."""
        late = threading.Timer(LEAVE_S, os._exit, (0,))
        late.daemon = True
        late.start()
        atexit._run_exitfuncs()
        os._exit(0)

    def _ordered(self, order: Run, coming: list[Running]) -> None:
        task = registry.find(order.call.task)
        if task is None:
            self._send([Over(order.number, UNKNOWN, None, 0.0)])
            return
        run = self._known[order.number] = Running(order, task, self._report)
        coming.append(run) if task.is_async else self._waiting.put(run)

    def _stop(self, order: Stop) -> None:
        run = self._known.get(order.number)
        if run is None:
            return
        waiting = self._take_waiting()
        for one in waiting:
            if one is not run:
                self._waiting.put(one)
        if run in waiting:
            self._send([self._not_begun(run)])
        else:
            run.stop(order, self._loop)

    def _take_waiting(self) -> list[Running]:
        found: list[Running] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._waiting.get_nowait())
        return found

    def _not_begun(self, run: Running) -> Over:
        del self._known[run.order.number]
        return Over(run.order.number, NOT_BEGUN, None, 0.0)

    def _hand_back(self) -> None:
        numbers = [run.order.number for run in self._take_waiting()]
        for number in numbers:
            del self._known[number]
        self._send([HandedBack(numbers)])

    # What is not async

    def _work(self, slot: int) -> NoReturn:
        tails = rings(self._memory, slot)
        said: Sequence[Message] = ()
        while True:
            try:
                run = self._waiting.get_nowait()
            except queue.Empty:
                self._send(said)
                said, run = (), self._waiting.get()
            for one in tails:
                one.clear()
            run.printed = Printed(tails)
            self._begin([run], said, slot)
            said = [self._over(run, self._context.copy().run(run.call))]

    def _begin(self, runs: Collection[Running], said: Sequence[Message], slot: int | None) -> None:
        self._streams.put()
        for run in runs:
            self._begun[run.order.number] = run
            run.began_at = time.monotonic()
        self._send([*said, Began([run.order.number for run in runs], slot)])

    def _over(self, run: Running, outcome: Outcome) -> Over:
        if os.getpid() != self._pid:  # the task has forked, and this is the copy
            os._exit(0)
        self._pipes.drain()
        run.printed.is_over = True
        number, out, err = run.order.number, *run.printed.tails
        kind, value = kind_of(outcome)
        duration = time.monotonic() - run.began_at
        del self._known[number], self._begun[number]
        return Over(number, kind, value, duration, (out.kept(), err.kept()), (out.total, err.total))

    # What is async

    def _on_loop(self, runs: list[Running]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._start("loop", self._run_loop)
        self._loop.call_soon_threadsafe(self._begin_on_loop, runs)

    def _run_loop(self) -> NoReturn:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except BaseException:  # an exit, raised in what a task had left behind
                logging.getLogger(__name__).exception("what a task left behind failed")

    def _begin_on_loop(self, runs: list[Running]) -> None:
        assert self._loop is not None
        self._send([self._not_begun(run) for run in runs if run.asked is not None])
        runs = [run for run in runs if run.asked is None]
        self._begin(runs, (), None)
        for run in runs:
            run.future = self._loop.create_task(self._await(run), context=self._context.copy())

    async def _await(self, run: Running) -> None:
        self._send([self._over(run, await run.acall())])

    # What is said

    def _send(self, messages: Sequence[Message]) -> None:
        if not messages or os.getpid() != self._pid:
            return
        data = memoryview(b"".join(map(framed, messages)))
        with self._writing:
            while data:
                data = data[os.write(self._fd, data) :]

    def _report(self, progressed: Progressed) -> None:
        """Tell how far a run is: at once, or soon, where something was told just now; of much the last."""
        with self._reporting:
            self._reports[progressed.number] = progressed
            if not self._is_reporting:
                self._is_reporting = True
                self._start("progress", self._pass_reports_on)
        self._reported.set()

    def _pass_reports_on(self) -> NoReturn:
        while True:
            self._reported.wait()
            self._reported.clear()
            with self._reporting:
                reports, self._reports = self._reports, {}
            self._send([one for number, one in reports.items() if number in self._begun])
            time.sleep(REPORT_S)

    def _alone(self) -> Printed | None:
        """Return what the run prints that is alone here."""
        begun = list(self._begun.values())
        return begun[0].printed if len(begun) == 1 else None

    def _become_a_copy(self) -> None:
        """In what a task has forked: nothing that it does or prints is this child's."""
        if os.getppid() == self._pid:
            current.set(None)
            os.close(self._fd)


def run_child(fds: Sequence[int], threads: int, streams: Streams) -> NoReturn:
    """Be a child of the fork server, that has just made it; `fds`: what came with the order."""
    try:
        stream, out, to_out, err, to_err, memory = fds
        Child(Fds(stream, ((out, to_out), (err, to_err)), memory), threads, streams).serve()
    finally:
        os._exit(70)
