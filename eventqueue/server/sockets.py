"""The server's Unix socket: where it may lie, who listens on it, and the URI that leads to it.

The path is chosen once, recorded, and from then on read: cron, sudo or another TMPDIR would choose another. Its
directory is 0700 and ours, so nobody else can connect, nor put a socket of theirs in its place.
"""

import os
import re
import socket
import stat
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from eventqueue.errors import LocalServerFailed
from eventqueue.server.homedir import HomeDir

REPLICA_SET = "queuectl"
NAME = "mongod.sock"  # PyMongo takes a host for a socket by this ending
LENGTH_MAX = 107  # bytes of sockaddr_un.sun_path, less its NUL
# Not TMPDIR, which may be long or a session's own: the socket has to outlive the session.
SHORT = Path("/tmp")  # noqa: S108 - the directory made in it is random and checked
PREFIX = "queuectl-"
HOME = "home"  # beside a socket there: leads to the home, whose disk it is that may be full

# In lower case, since PyMongo lower-cases the hosts that a replica set names (`Up/q.sock`: "could not reach any
# servers"); without comma and colon, at which mongod splits addresses.
FIT = re.compile(r"[a-z0-9._/-]+")


def choose(home: HomeDir, recorded: str | None) -> str:
    """Return the socket's path and make its directory: in the home, else the recorded one, else a new one in /tmp.

    `recorded` is what this very home has recorded, if anything. It is looked at only where the home's own is not fit.
    """
    own = str(home.run / NAME)
    if not (FIT.fullmatch(own) and len(os.fsencode(own)) <= LENGTH_MAX):
        path = recorded if recorded and _may_be_used_again(recorded) else _new_in_tmp()
        _lead_home(Path(path).parent, home)
        return path
    if not make_private(home.run):
        raise LocalServerFailed(f"{home.run} is not a directory of yours: remove it, and it is made anew.")
    return own


def _may_be_used_again(recorded: str) -> bool:
    directory = Path(recorded).parent
    # Whatever else a damaged record may name is not to be given mode 0700.
    return directory.parent == SHORT and directory.name.startswith(PREFIX) and make_private(directory)


def _new_in_tmp() -> str:
    return str(Path(tempfile.mkdtemp(prefix=PREFIX, dir=SHORT), NAME))


def _lead_home(directory: Path, home: HomeDir) -> None:
    with suppress(OSError):  # it helps to say why a server is gone, and is needed for nothing else
        (directory / HOME).unlink(missing_ok=True)
        (directory / HOME).symlink_to(home.root)


def tidy(recorded: str) -> None:
    """Remove the directory of a stopped server's socket where it lies in /tmp; the next start makes it again."""
    directory = Path(recorded).parent
    if directory.parent == SHORT and directory.name.startswith(PREFIX):
        with suppress(OSError):  # what is not empty, or not ours, stays
            (directory / HOME).unlink(missing_ok=True)
            directory.rmdir()


def make_private(directory: Path) -> bool:
    """Make `directory` ours and 0700, creating it if it is missing; return False where it is not ours to make so."""
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    info = os.lstat(directory)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        return False
    os.chmod(directory, 0o700)  # a home copied by `cp -r` has it open to all
    return True


def listener(path: str) -> int | None:
    """Return the pid of the process that listens on the socket at `path`; None if no one does, or it is not for us.

    Raises LocalServerFailed where that is another user's.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
            credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid: int
    pid, user, _ = struct.unpack("3i", credentials)
    if user != os.geteuid():
        raise LocalServerFailed(f"The server at {path} is run by the user with id {user}: run as that user.")
    return pid


def uri(path: str) -> str:
    """Return the URI of the replica set whose only member listens at `path`.

    By the set's name and not directConnection: during a restart a client then waits until there is a primary again,
    where a direct one sends to whatever answers.
    """
    return f"{direct_uri(path)}/?replicaSet={REPLICA_SET}"


def direct_uri(path: str) -> str:
    """Return the URI of whatever listens at `path`, be it a member of the set yet or not."""
    return f"mongodb://{quote(path, safe='')}"
