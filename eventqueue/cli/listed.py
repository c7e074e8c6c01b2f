"""Which jobs were listed last on this terminal: `@3` is the third of them, and the end of an id that was shown is it.

A small file a terminal and database, in the user's state directory, for its owner alone. A terminal is known by the
first process on it, and when that started: neither a name like pts/3 nor a pid alone is one terminal's for long.
"""

import os
import re
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventqueue.cli.options import DB, given, given_uri
from eventqueue.errors import Refused
from eventqueue.model.ends import is_end, is_ours
from eventqueue.system.printable import clean
from eventqueue.system.process import start_time
from eventqueue.system.whole import whole_file

if TYPE_CHECKING:
    from eventqueue.cli.session import Session

MOST = 10_000  # jobs of a list that can be named
KEPT_S = 7 * 86_400.0
_PLACE = re.compile(r"@([0-9]{1,9})")
_FILE = re.compile(r"[0-9]+-[0-9]+-[0-9a-f]{16}")


def remember(session: "Session", ids: Sequence[str]) -> None:
    """Keep which jobs were listed, in order. Where they cannot be kept nothing is: they were listed all the same."""
    with suppress(OSError, Refused, RuntimeError):
        place = _place_of(session.uri, session.db)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(place.parent)
        with whole_file(str(place)) as file:
            # Each a line, whatever a hand has made an id: else the places of those behind it were others'.
            file.write("".join(f"{clean(one)}\n" for one in ids[:MOST]).encode())


def recalled(ctx: click.Context, typed: str) -> str:
    """Return the id of the job that was listed last by this place, or with this end; else what was typed.

    An end is of an id that is shown by it, and only if no other that was listed begins so.
    Raises Refused for a place that no list has had.
    """
    found = _PLACE.fullmatch(typed)
    if found is None and not is_end(typed):
        return typed
    db = given(ctx, "db")
    ids = _ids(given_uri(ctx), DB if db is None else db)
    if found is None:
        ending = [one for one in ids if is_ours(one) and one.endswith(typed)]
        return ending[0] if len(ending) == 1 and not any(one.startswith(typed) for one in ids) else typed
    if not ids:
        raise Refused(
            f"No job was listed on this terminal yet: {typed} is a row of what `queuectl list` has shown before."
        )
    place = int(found[1])
    if not 0 < place <= len(ids):
        raise Refused(f"The last list on this terminal has no row {typed}: they are @1 to @{len(ids):,}.")
    return ids[place - 1]


def _ids(uri: str | None, db: str) -> Sequence[str]:
    try:
        place = _place_of(uri, db)
        return place.read_text().split("\n")[:-1] if _is_own(place) else ()
    except (OSError, UnicodeDecodeError, RuntimeError):
        return ()


def _place_of(uri: str | None, db: str) -> Path:
    """Return where the file is. Raises RuntimeError for who has no home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    where = uri if uri is not None else os.environ.get("QUEUECTL_HOME", "")
    leader = os.getsid(0)
    terminal = f"{leader}-{start_time(leader) or 0}"
    return base / "queuectl" / "listed" / f"{terminal}-{sha256(f'{where} {db}'.encode()).hexdigest()[:16]}"


def _is_own(place: Path) -> bool:
    # Whoever wrote it says which jobs are meant: where the directory is not this user's alone, anybody could.
    seen = place.lstat()
    return stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid()


def _clear(directory: Path) -> None:
    """Have the lists go of terminals that are long gone; what else somebody keeps there is not ours."""
    for one in directory.iterdir():
        with suppress(OSError):
            is_list = _FILE.fullmatch(one.name) is not None and _is_own(one)
            if is_list and one.stat().st_mtime < time.time() - KEPT_S:
                one.unlink()
