"""`queuectl projector start`: a projector alone."""

import logging
import os
import signal
import threading
from contextlib import closing

from eventqueue.cli.options import Group, command
from eventqueue.cli.session import Session, with_session
from eventqueue.system.interrupts import on_signals

projector = Group("projector", help="The projector: keeps the views at the end of the log.")


@command("start")
@with_session
def start(session: Session) -> None:
    """Run a projector until Ctrl-C or SIGTERM.

    While another one works, it stands by. `queuectl worker start` brings one along: this is for machines that run no
    worker. Both seal the log beside that, once a minute, and make the jobs of schedules.

    \b
    queuectl projector start
    """
    from eventqueue.connect import make_projector, make_sealing, make_ticker
    from eventqueue.system.outlet import log_to_stderr

    stop = threading.Event()
    on_signals([signal.SIGINT, signal.SIGTERM], stop.set, is_once=True)
    with closing(log_to_stderr(level=logging.INFO, as_json=session.out.as_json)), session.queue() as queue:
        sealing = make_sealing(queue.connection, os.environ)
        ticker = make_ticker(queue.connection, os.environ)
        for name, run in (("sealing", sealing.run), ("ticking", ticker.run)):
            threading.Thread(target=run, args=(stop,), name=name, daemon=True).start()
        session.out.document(lambda: {"event": "started"})
        session.out.done("Projector started")
        make_projector(queue.connection).run(stop)


projector.add_command(start)
