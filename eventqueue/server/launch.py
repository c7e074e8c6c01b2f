"""Starting the mongod process: its options, its surroundings, and its first seconds.

It is nobody's child: with `--fork` it goes into a session of its own, with init as its parent, once it listens.
"""

import os
import resource
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventqueue.errors import LocalServerFailed
from eventqueue.server.deadline import Deadline
from eventqueue.server.diagnosis import explain
from eventqueue.server.homedir import HomeDir
from eventqueue.server.sockets import REPLICA_SET

OPTIONS = {
    "--replSet": REPLICA_SET,
    "--filePermissions": "0700",
    # mongod's own default is half of the memory. What is used is taken, so this is a limit and not a reservation.
    "--wiredTigerCacheSizeGB": "0.5",
    # MB, a limit too. A projector that was away longer than this holds re-scans the log: slower, never wrong.
    "--oplogSize": "1024",
    # Telemetry for MongoDB's support: up to 200 MB in the home, and a wake-up a second while idle.
    "--setParameter": "diagnosticDataCollectionEnabled=false",
    # A new home takes 33 MB instead of 301; appends are as fast (200,000 of 400 bytes: within the noise).
    "--wiredTigerEngineConfigString": "log=(file_max=32MB,prealloc=false)",
}
NEEDED = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})  # of the environment
LOG_BYTES_MAX = 16 * 2**20
FILES_MAX = 64_000  # mongod recommends it, yet does not itself raise the usual 1,024, and ends when those are used up


def launch(mongod: Path, home: HomeDir, socket: str, extra: Sequence[str], deadline: Deadline) -> None:
    """Start `mongod` on the home's data, listening on `socket` only, and return when it listens.

    `extra` are further arguments of mongod's; an option that is among OPTIONS replaces that one.
    Raises LocalServerFailed with the reason where it ends, and where it does not listen before the deadline: then it
    is left to go on, since recovering much data takes long, and the next call waits for it again.
    """
    _rotate(home.log)
    process = _spawn(mongod, _arguments(home, socket, extra), home)
    try:
        printed, _ = process.communicate(timeout=deadline.left_s)
    except subprocess.TimeoutExpired as late:
        _leave(process)
        raise LocalServerFailed(
            f"mongod has been starting for {deadline} and goes on (recovering, perhaps: see {home.log}): try again."
        ) from late
    if process.returncode:
        raise LocalServerFailed(explain(process.returncode, printed, home.log))


def _arguments(home: HomeDir, socket: str, extra: Sequence[str]) -> list[str]:
    where = {"--dbpath": str(home.data), "--logpath": str(home.log), "--bind_ip": socket}
    options = {**OPTIONS, **where}
    pairs = [word for name, value in options.items() if name not in extra for word in (name, value)]
    # --nounixsocket means the additional /tmp/mongodb-27017.sock; the one in --bind_ip is unaffected (tried on 6.0.5).
    return ["--fork", "--logappend", "--quiet", "--nounixsocket", *pairs, *extra]


def _spawn(mongod: Path, arguments: Sequence[str], home: HomeDir) -> "subprocess.Popen[str]":
    try:
        with _many_files():
            return subprocess.Popen(
                [str(mongod), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=_environ(os.environ),
                cwd=home.root,  # ours may have been deleted, and mongod refuses to start in such a one
                start_new_session=True,  # a Ctrl-C during the start is not for mongod
            )
    except OSError as error:
        raise LocalServerFailed(
            f"{mongod} cannot be run ({error.strerror}): set QUEUECTL_MONGOD to a mongod for this machine, "
            "or QUEUECTL_URI to a replica set."
        ) from error


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what mongod needs of an environment: it lives on for weeks.

    Neither a password in QUEUECTL_URI, nor the mark of a job that happens to start it and that it is to outlive.
    """
    return {name: value for name, value in environ.items() if name in NEEDED or name.startswith("LC_")}


@contextmanager
def _many_files() -> Iterator[None]:
    # In this process and undone at once: a preexec_fn would run Python between fork and exec, unsafe with threads.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _leave(process: "subprocess.Popen[str]") -> None:
    """End the process that only waits for mongod to listen; mongod itself is not its child."""
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(f"{log}.1")
