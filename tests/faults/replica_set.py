"""A replica set of three, on Unix sockets, whose members can be killed and whose primary can be sent down.

Each mongod has a keeper of its own, which ends it when its standard input closes: also when the tests are killed,
nothing stays behind. This file is the keeper's program, too.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from eventqueue.server.locate import locate
from tests.mongo.servers import new_home
from tests.patience import PATIENCE_S

OPTIONS = ["--replSet", "rs0", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--quiet"]
# Milliseconds. A commit that is waited for forces the journal anyway; what else waits for it should not wait 100.
QUICK = ["--journalCommitInterval", "10", "--setParameter", "diagnosticDataCollectionEnabled=false"]
OBEDIENT = ["--setParameter", "enableTestCommands=1"]  # they take orders to fail
# Milliseconds, 10,000 and 2,000 by default: so long a set is without a primary that was killed.
ELECTIONS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}

Found = TypeVar("Found")


class Member:
    """One mongod of the set, from its start until it is killed; it may be started again on what it left."""

    def __init__(self, home: Path) -> None:
        self.socket = str(home / "mongod.sock")
        self._home = home
        self._keeper: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._keeper is not None

    def start(self) -> None:
        """Start it and return; it listens a moment later."""
        # Of its own session: a Ctrl-C is for the tests, which then close the keeper's input.
        command = [sys.executable, "-P", __file__, str(self._home)]
        pipe = subprocess.PIPE
        self._keeper = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        assert self._keeper.stdout
        self._pid = int(self._keeper.stdout.readline())

    def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self._pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """End it, if it still runs; nothing of it is left but its data."""
        if self._keeper is not None:
            self._keeper.communicate()
            self._keeper = None


class ReplicaSet:
    """A running set; `uri` names all its members."""

    def __init__(self, members: list[Member]) -> None:
        self._members = members
        hosts = ",".join(quote_plus(one.socket) for one in members)
        self.uri = f"mongodb://{hosts}/?replicaSet=rs0"

    def initiate(self) -> None:
        """Make a set of the servers, and wait until it has a primary and all others follow it."""
        for one in self._members:
            self._tell(one, {"hello": 1})  # waits until it listens: all of them are asked for their consent
        configuration = {
            "_id": "rs0",
            "settings": ELECTIONS,
            "members": [{"_id": number, "host": one.socket} for number, one in enumerate(self._members)],
        }
        self._tell(self._members[0], {"replSetInitiate": configuration})
        self.await_whole()

    def await_whole(self) -> None:
        """Wait until one member is primary and all others are its secondaries."""
        self._await(lambda: sorted(self._states()) == ["PRIMARY", "SECONDARY", "SECONDARY"])

    def tell_secondaries(self, command: dict[str, Any]) -> None:
        """Run a command of `admin` on each member but the primary."""
        primary = self.primary()
        for one in self._members:
            if one is not primary:
                self._tell(one, command)

    def step_down(self) -> None:
        """Have the primary give its place to another member, as for an upgrade; return when that has it."""
        old = self.primary()
        self._await(lambda: self._has_given_up(old))

    def _has_given_up(self, old: Member) -> bool:
        # Told again where it refused, since no other member has all that it has.
        with suppress(PyMongoError):
            self._tell(old, {"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 1})
        return self.primary() is not old

    def kill_primary(self) -> Member:
        """End the primary as a crash would; return it, once another member has its place."""
        old = self.primary()
        old.kill()
        self.primary()
        return old

    def primary(self) -> Member:
        """Return the primary, waiting until there is one."""
        return self._await(lambda: list(filter(self._is_primary, self._members)))[0]

    def _is_primary(self, member: Member) -> bool:
        with suppress(PyMongoError):
            return member.is_running and bool(self._tell(member, {"hello": 1})["isWritablePrimary"])
        return False

    def _states(self) -> list[str]:
        with suppress(PyMongoError):
            status = self._tell(self.primary(), {"replSetGetStatus": 1})
            return [one["stateStr"] for one in status["members"]]
        return []

    def tell_all(self, command: dict[str, Any]) -> None:
        """Run a command of `admin` on every member."""
        for one in self._members:
            self._tell(one, command)

    def _tell(self, member: Member, command: dict[str, Any]) -> dict[str, Any]:
        uri = f"mongodb://{quote_plus(member.socket)}/?directConnection=true"
        with MongoClient[dict[str, Any]](uri, timeoutMS=10_000) as client:
            return client.admin.command(command)

    def _await(self, look: Callable[[], Found]) -> Found:
        give_up = time.monotonic() + PATIENCE_S
        while not (found := look()):
            assert time.monotonic() < give_up, "the replica set did not become what the test waits for"
            time.sleep(0.05)
        return found


@contextmanager
def replica_set() -> Iterator[ReplicaSet]:
    """Yield a new set of three; no process and no file of it is left after the block."""
    place = new_home()
    members = [Member(place / str(number)) for number in range(3)]
    try:
        for one in members:
            one.start()
        made = ReplicaSet(members)
        made.initiate()
        yield made
    finally:
        for one in members:
            one.end()
        shutil.rmtree(place)


def keep(home: Path) -> None:
    """Run a mongod on `home` until standard input closes."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    socket = str(home / "mongod.sock")
    where = ["--dbpath", str(home / "data"), "--logpath", str(home / "log"), "--logappend", "--bind_ip", socket]
    mongod = subprocess.Popen(
        [locate(os.environ), *where, *OPTIONS, *QUICK, *OBEDIENT], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    print(mongod.pid, flush=True)
    sys.stdin.read()
    mongod.kill()  # a clean end would take seconds, of data that nobody needs
    mongod.wait()


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
