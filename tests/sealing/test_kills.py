"""Sealers that are killed with 9 at any moment: the next goes on, and every event is sealed once."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import CATEGORY, LEAVES
from eventqueue.model.events import category_of
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.sealing.holding import hold
from eventqueue.sealing.sealer import Sealer

ROUNDS = 4
SEAL = """
import sys
from eventqueue.api.queue import Queue
from eventqueue.sealing.sealer import Sealer

with Queue(sys.argv[1], sys.argv[2]) as queue:
    sealer = Sealer(queue.connection.ground, "killed")
    while True:
        queue.enqueue(command="true")
        for seal in sealer.seal_all():
            print(seal.number, flush=True)
"""


def test_sealers_that_are_killed_leave_a_log_that_is_sealed(
    queue: Queue, ground: Ground, server_uri: str, database: Database[dict[str, Any]]
) -> None:
    for round_ in range(ROUNDS):
        process = subprocess.Popen([sys.executable, "-c", SEAL, server_uri, database.name], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline()
        # Somewhere in the next ones: each round a little later, so that it is between all the steps of one.
        threading.Event().wait(0.003 * round_)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    list(Sealer(ground, "heir").seal_all())

    made = list(stored.seals(ground.log))
    events = [one for one in ground.log.scan() if category_of(one.stream) != CATEGORY]
    assert made[-1].said.events == len(events)
    assert list(hold(ground, (one.seal for one in made))) == []
    assert len(ground.log.read(LEAVES)) >= len(made)
