"""The home directory of the local server: which one it is, and what lies where in it.

Only paths are made here. Who runs on them is found in `processes`, never guessed from a file's presence.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eventqueue.errors import LocalServerFailed
from eventqueue.system.whole import whole_file


def home(environ: Mapping[str, str]) -> Path:
    """Return the home directory that `environ` asks for; nothing is created.

    `QUEUECTL_HOME`, else `$XDG_DATA_HOME/queuectl`, else `~/.local/share/queuectl`.
    Raises LocalServerFailed for a relative one, which would be another database in every directory; and inside a job
    that was not told any: the default one may be another queue than that which runs it.
    """
    if own := environ.get("QUEUECTL_HOME"):
        return _whole("QUEUECTL_HOME", os.path.expanduser(own))
    if "QUEUECTL_JOB_ID" in environ:
        raise LocalServerFailed(
            "A job is not told which database runs it: give --uri-file, or put QUEUECTL_URI or QUEUECTL_HOME into the "
            "job's env."
        )
    shared = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(shared):  # the XDG specification: a relative one is to be ignored
        return Path(shared, "queuectl")
    user = environ.get("HOME") or os.path.expanduser("~")
    return _whole("HOME", user) / ".local" / "share" / "queuectl"


def _whole(name: str, path: str) -> Path:
    if not os.path.isabs(path):
        raise LocalServerFailed(
            f"{name} is {path!r}, which is another place in every directory: give an absolute path."
        )
    return Path(os.path.normpath(path))


@dataclass(frozen=True)
class HomeDir:
    """The paths in one home directory; `root` is absolute (mongod changes its own directory to `/`)."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "HomeDir":
        """Return the layout of the home at `path`, which may be relative to the current directory."""
        return cls(Path(os.path.abspath(path)))

    @property
    def data(self) -> Path:
        """mongod's dbpath."""
        return self.root / "data"

    @property
    def run(self) -> Path:
        """Where the socket lies if its path is fit for one."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """mongod's log; the one before it has `.1` at its end."""
        return self.root / "mongod.log"

    @property
    def lock(self) -> Path:
        """The start lock: held by whoever starts or stops the server."""
        return self.root / "lock"

    @property
    def genuine(self) -> Path:
        """Which file was found to be the embedded mongod: see `genuine`."""
        return self.root / "mongod.genuine"

    @property
    def record(self) -> Path:
        """Where the server is reached, and which process it is: see `record`."""
        return self.root / "server.json"

    def prepare(self) -> None:
        """Create what is missing, for the owner only.

        A directory that exists keeps its mode: it may be `/srv` or somebody's `~`. Only `run` is forced to 0700.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)

    def replace(self, path: Path, content: bytes) -> None:
        """Make `content` that of the file at `path` in this home, whole or not at all, for the owner only."""
        with whole_file(str(path)) as file:
            file.write(content)

    def check(self) -> None:
        """Raise LocalServerFailed where the home, its data or its log are not this user's alone to write.

        Whoever else may write there says what runs here: jobs are commands, and root would run them as root. What is
        missing is no matter.
        """
        for directory in (self.root, self.data):
            if (found := _status(directory)) is None:
                continue
            _refuse_others(directory, found)
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise LocalServerFailed(
                    f"Others than its owner may write to {directory}, and so say what runs here: "
                    f"chmod go-w {directory}, or set QUEUECTL_HOME."
                )
        if (found := _status(self.log, follow=False)) is not None and not stat.S_ISREG(found.st_mode):
            raise LocalServerFailed(f"{self.log} is no plain file, and mongod would write through it: remove it.")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the file system refuses into LocalServerFailed: full, read-only, not a directory, not yours."""
        try:
            yield
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
            raise LocalServerFailed(
                f"The local server's home {self.root} cannot be used ({what}): "
                "mend that, or set QUEUECTL_HOME to a directory of yours, or QUEUECTL_URI to a replica set."
            ) from error


def _status(path: Path, *, follow: bool = True) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _refuse_others(directory: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise LocalServerFailed(
            f"{directory} belongs to the user with id {found.st_uid}: run as that user, or set QUEUECTL_HOME."
        )
