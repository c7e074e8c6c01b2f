"""The home directory of the local server: which one it is, and what lies where in it.

Only paths are made here. Who runs on them is found in `processes`, never guessed from a file's presence.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eventqueue.errors import LocalServerFailed


def home(environ: Mapping[str, str]) -> Path:
    """Return the home directory that `environ` asks for; nothing is created.

    `QUEUECTL_HOME`, else `$XDG_DATA_HOME/queuectl`, else `~/.local/share/queuectl`.
    """
    if own := environ.get("QUEUECTL_HOME"):
        return Path(os.path.abspath(own))
    shared = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(shared):  # the XDG specification: a relative one is to be ignored
        return Path(shared, "queuectl")
    user = environ.get("HOME") or os.path.expanduser("~")
    return Path(user, ".local", "share", "queuectl")


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
    def record(self) -> Path:
        """Where the server is reached, and which process it is: see `record`."""
        return self.root / "server.json"

    def prepare(self) -> None:
        """Create what is missing, for the owner only.

        A directory that exists keeps its mode: it may be `/srv` or somebody's `~`. Only `run` is forced to 0700.
        Raises LocalServerFailed where the data are another user's: mongod would leave files that its owner cannot open.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)
        owner = self.data.stat().st_uid
        if owner != os.geteuid():
            raise LocalServerFailed(
                f"{self.data} belongs to the user with id {owner}: run as that user, or set QUEUECTL_HOME."
            )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the file system refuses into LocalServerFailed: full, read-only, not a directory, not yours."""
        try:
            yield
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise LocalServerFailed(
                f"The local server's home {self.root} cannot be used ({what}): "
                "mend that, or set QUEUECTL_HOME to a directory of yours, or QUEUECTL_URI to a replica set."
            ) from error
