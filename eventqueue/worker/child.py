"""A child of the supervisor, a worker or the projector: its whole plan comes over stdin, and its orders too.

Stdin and not the command line, since a URI may hold a password; and because it ends when the supervisor dies, which
is an order to stop.
"""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from eventqueue.connect import Connection, connect, make_projector
from eventqueue.errors import QueueError, Refused, Unavailable, redact
from eventqueue.model.events import Call, Shell
from eventqueue.model.lives import WorkerLeft, WorkerStarted
from eventqueue.model.settings import RETENTION, exit_codes
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation, Incarnations
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.finder import SignalFeed
from eventqueue.steering.chronicle import tell
from eventqueue.system.interrupts import on_signals
from eventqueue.system.outlet import log_to_stderr
from eventqueue.system.people import actor_of, signed
from eventqueue.system.streams import prepare_streams
from eventqueue.system.tuning import tuned
from eventqueue.worker import engine
from eventqueue.worker.engine import Engine
from eventqueue.worker.inbox import Stop
from eventqueue.worker.life.heartbeat import Heartbeat
from eventqueue.worker.life.place import incarnation_here
from eventqueue.worker.life.rescue import Rescue
from eventqueue.worker.life.tenure import Tenure
from eventqueue.worker.narrator import Narrator
from eventqueue.worker.progressing import Progressing
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.importing import imported
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.runner import PythonRunner
from eventqueue.worker.python.schedules import set_planned
from eventqueue.worker.runners import Runners
from eventqueue.worker.running.reports import Ended, Started
from eventqueue.worker.running.runner import MakeRunner, Runner, Tell
from eventqueue.worker.shell.runner import ShellRunner
from eventqueue.worker.showing import Showing
from eventqueue.worker.watching import Watching

logger = logging.getLogger(__name__)

FOR_SUPERVISOR = (signal.SIGINT, signal.SIGHUP)  # a terminal's Ctrl-C, and its end
UNIMPORTABLE = 4  # of one whose modules with tasks cannot be imported
UNSETTLED = 3  # the exit code of a worker that left as it was asked to, and could not settle all that it held
APPEND_S = 5.0  # a worker asks again by itself, and hears a stop request in between


class ChildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one child is to do; `incarnation` is None for the projector."""

    uri: str
    db: str
    name: str
    incarnation: str | None
    queues: tuple[str, ...]
    concurrency: int
    grace: float  # seconds
    as_json: bool
    quiet: bool
    python: PythonPlan = PythonPlan()
    show_output: bool = False


def main(make_runner: MakeRunner = ShellRunner.telling) -> int:
    """Run a child to its end; exit 0 if it left in order, UNSETTLED if it was asked to leave and held something.

    A worker runs its jobs with what `make_runner` makes.
    """
    for one in FOR_SUPERVISOR:
        signal.signal(one, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_SUPERVISOR)  # which had them held back until here
    prepare_streams()
    plan = _read_plan()
    if plan is None:
        return 1
    log_to_stderr("queuectl: ", as_json=plan.as_json)
    warnings.showwarning = lambda message, *_, **__: logger.warning("%s", message)
    try:
        connection = connect(plan.uri, plan.db, "worker")
        with closing(connection):
            if plan.incarnation is None:
                return _project(plan, connection)
            return _work(plan, connection, plan.incarnation, make_runner)
    except QueueError as error:
        logger.error("%s: %s", plan.name, redact(str(error)))
        return 1


def _read_plan() -> ChildPlan | None:
    """Read one line and not a byte more: what follows are orders. None if the supervisor died before it was whole."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            return None
        line += byte
    return msgspec.json.decode(line, type=ChildPlan)


def _project(plan: ChildPlan, connection: Connection) -> int:
    stop = threading.Event()
    _obey(plan, lambda _: stop.set())
    make_projector(connection).run(stop)
    return 0


def _work(plan: ChildPlan, connection: Connection, incarnation: str, make_runner: MakeRunner) -> int:
    user = connection.user
    by = signed(actor_of("cli"), user)
    try:
        server = _imported(plan, connection, by)
    except Refused as error:
        logger.error("%s: %s", plan.name, redact(str(error)))
        return UNIMPORTABLE
    if server is None and plan.python.imports:  # it is asked to stop, and has not begun
        return 0
    progressing = Progressing(connection.progresses)
    watching = Watching(incarnation, connection.watches)
    make_runner = _overheard(_runners(make_runner, server, progressing), watching.told)
    tasks = () if server is None else tuple(sorted(server.tasks))
    me = incarnation_here(
        incarnation, plan.name, plan.queues, plan.concurrency, plan.grace, user=user, by=by, tasks=tasks
    )
    length = connection.settings["lease"].value
    assert isinstance(length, int | float)
    tenure = Tenure(timedelta(seconds=length))
    _check_views(connection)
    # To build an index may take minutes, and the jobs need not wait for it.
    threading.Thread(target=_keep_outputs, args=(connection,), name="outputs", daemon=True).start()
    _tell_started(connection, me, float(length))
    connection.incarnations.register(me)
    with closing(Narrator(plan.name, as_json=plan.as_json, quiet=plan.quiet)) as narrator:
        if server is not None:  # blocks in the driver, perhaps: not waited for
            _thread("progress", lambda: progressing.run(threading.Event()))
        return _run(plan, connection, me, tenure=tenure, narrator=narrator, make_runner=make_runner, watching=watching)


def _imported(plan: ChildPlan, connection: Connection, by: str) -> ForkServer | None:
    """Return the fork server of what is to be imported, with the schedules that stand in it set; None: there is none.

    Raises Refused where something cannot be imported, or set.
    """
    if not plan.python.imports:
        return None
    python = replace(plan.python, uri=plan.uri, db=plan.db)
    server = imported(python, sys.stdin.fileno())
    set_planned(connection, () if server is None else server.planned, by)
    return server


def _tell_started(connection: Connection, me: Incarnation, lease_s: float) -> None:
    began = WorkerStarted(
        name=me.name,
        host=me.host,
        pid=me.pid,
        concurrency=me.concurrency,
        queues=me.queues,
        grace=me.grace,
        by=me.by,
        lease=lease_s,
    )
    tell(connection.ground.log, connection.ground.clock, me.id, began, me.actor)


def _runners(make_runner: MakeRunner, server: ForkServer | None, progressing: Progressing) -> MakeRunner:
    """Return what makes a runner for each kind of run: of commands by `make_runner`, of tasks where there are some."""

    def make(tell: Tell) -> Runners:
        of: dict[type, Runner] = {Shell: make_runner(tell)}
        if server is not None:
            of[Call] = PythonRunner(tell, server.plan, server, progressing.hear)
        return Runners(tell, of)

    return make


def _overheard(make_runner: MakeRunner, hear: Tell) -> MakeRunner:
    """Return what makes the same runners, of which `hear` is told first."""

    def make(tell: Tell) -> Runner:
        def both(message: Started | Ended) -> None:
            hear(message)
            tell(message)

        return make_runner(both)

    return make


def _keep_outputs(connection: Connection) -> None:
    """Have the server prune as the setting says: its index may be an older one's, or was dropped."""
    keep_s = connection.settings[RETENTION].value
    assert isinstance(keep_s, int | float)
    try:
        connection.outputs.keep_for(keep_s)
        connection.watches.prepare()  # a database of an older version has none
    except QueueError as error:
        logger.warning("what jobs wrote is not pruned as `%s` says: %s", RETENTION, error)


def _run(
    plan: ChildPlan,
    connection: Connection,
    me: Incarnation,
    *,
    tenure: Tenure,
    narrator: Narrator,
    make_runner: MakeRunner,
    watching: Watching,
) -> int:
    clock, incarnations = connection.ground.clock, connection.incarnations
    log = MongoLog(connection.ground.database, APPEND_S)
    ports = engine.Ports(log, clock, connection.finder, connection.outputs)
    showing = Showing(narrator) if plan.show_output else None
    if showing is not None:
        make_runner = _overheard(make_runner, showing.told)
    fatal = exit_codes(connection.settings["fatal-exit-codes"].value)
    work = Engine(me, ports, tenure, narrator, make_runner, fatal=fatal)
    heartbeat = Heartbeat(
        me, incarnations, clock, tenure, tell=work.tell, extend=work.extend, last_round=lambda: work.round_at
    )
    heartbeat.beat_once()
    rescue = Rescue(me, log, clock, connection.finder, incarnations)
    narrator.say("started", "started", pid=me.pid, incarnation=me.id)

    def leave(grace: float) -> None:
        work.tell(Stop(grace))
        # For who looks, and for the other workers, which take over its buckets meanwhile.
        threading.Thread(target=_tell_leaving, args=(incarnations, me, grace), daemon=True).start()

    _obey(plan, leave)
    done = threading.Event()
    threads = [
        _thread("heartbeat", lambda: heartbeat.run(done)),
        _thread("rescue", lambda: rescue.run(done, heartbeat, tenure.length_s, tenure.renewal_s)),
    ]
    # These block in the driver, perhaps: they are not waited for.
    _thread("signals", lambda: _follow(connection.signals, work, watching, done))
    _thread("watching", lambda: watching.run(work.so_far, threading.Event()))
    if showing is not None:
        _thread("showing", lambda: showing.run(work.so_far, done))
    try:
        with tuned():
            in_order = work.run()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    if in_order:
        _tell_left(log, clock, me)
        incarnations.retire(me.id)
    narrator.say("stopped", "stopped" if in_order else "stopped without settling all that it held")
    return 0 if in_order else UNSETTLED if work.was_stopped else 1


def _tell_left(log: MongoLog, clock: DatabaseClock, me: Incarnation) -> None:
    try:
        tell(log, clock, me.id, WorkerLeft(), me.actor)
    except QueueError as error:  # it leaves all the same, and in order: who looks finds that it is there no more
        logger.warning("that worker %s has left is not in the log: %s", me.name, error)


def _tell_leaving(incarnations: Incarnations, me: Incarnation, grace: float) -> None:
    with suppress(QueueError):
        incarnations.ask_to_stop([me.id], timedelta(seconds=grace))


def _check_views(connection: Connection) -> None:
    """Raise Unavailable where the views are not those of the log as it is, and cannot be mended in seconds.

    After a backup was restored they show jobs further than the log has them: claims would leave holes in it.
    """
    views = connection.views
    if views.lag().seconds is None and views.refresh().seconds is None:
        raise Unavailable("the views are not those of this log (yet): nothing is claimed")


def _follow(signals: SignalFeed, work: Engine, watching: Watching, done: threading.Event) -> None:
    """Pass signals on; while they fail, the engine's own poll goes on, and this is said."""
    while not done.is_set():
        try:
            for one in signals.follow():
                for watched in () if one is None else one.watched:
                    watching.hear(watched)
                if one is not None and not one.watched:  # which is nothing to the engine: it need not wake
                    work.tell(one)
                if done.is_set():
                    return
            reason: object = "the cursor died"
        except Exception as error:
            reason = error
        if not done.wait(1.0):
            logger.warning("signals fail (%s): polling once a second instead", reason)


def _obey(plan: ChildPlan, stop: Callable[[float], object]) -> None:
    """Have `stop` called with the grace in seconds on the supervisor's order, at its death, and on SIGTERM."""
    on_signals([signal.SIGTERM], lambda: stop(plan.grace))

    def listen() -> None:
        # By the descriptor: a thread that waits in a buffered read could not be left behind at the end.
        while order := os.read(sys.stdin.fileno(), 4096):
            stop(float(order.split()[-1]))
        stop(plan.grace)

    _thread("orders", listen)


def _thread(name: str, run: Callable[[], object]) -> threading.Thread:
    def run_or_die() -> None:
        try:
            run()
        except Exception:
            # Without its heartbeat, say, this process would stay for ever and claim nothing: die, and be replaced.
            logger.exception("the %s thread failed", name)
            logging.shutdown()  # it is written by a thread of its own
            os._exit(1)

    thread = threading.Thread(target=run_or_die, name=name, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    sys.exit(main())
