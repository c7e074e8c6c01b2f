"""Why a mongod did not start, in one sentence with a remedy.

Its own words are quoted from the *first* error of that start: the later ones (panics, assertions, backtraces) follow
from it.
"""

import re
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

QUOTE_MAX = 300  # characters of mongod's own words

PACKAGES = {
    "libcurl.so.4": "apt-get install libcurl4",
    "libcrypto.so.3": "it needs OpenSSL 3 (apt-get install libssl3)",
    "libssl.so.3": "it needs OpenSSL 3 (apt-get install libssl3)",
}
# What `mongod --fork` prints of its progress, and how one would start it by hand.
CHATTER = ("about to fork", "forked process", "ERROR: child process", "To see additional", "try '", '{"t":')


def explain(exit_code: int, printed: str, log: Path) -> str:
    """Return why a mongod that was to log to `log` printed this and ended with `exit_code`."""
    if library := re.search(r"shared libraries: ([^\s:]+)", printed):
        remedy = PACKAGES.get(library[1], "install the package that holds it")
        return f"mongod cannot load {library[1]}: {remedy}, or set QUEUECTL_URI to a replica set."
    if exit_code in (-signal.SIGILL, 128 + signal.SIGILL):
        return "This processor cannot run this mongod (5.0 and later need AVX): set QUEUECTL_URI to a replica set."
    forked = re.search(r"^forked process: (\d+)", printed, re.MULTILINE)
    reason = (forked and first_error(log, int(forked[1]))) or _first_words(printed) or _silent(exit_code)
    return f"mongod ended with code {exit_code}: {reason} (see {log})."


def first_error(log: Path, pid: int) -> str | None:
    """Return the first error that the mongod with this pid has written into `log`, in its own words, or None."""
    errors = (entry for entry in _entries_of(log, pid) if entry.get("s") in ("E", "F"))
    entry = next(errors, None)
    return _words(entry) if entry else None


def _entries_of(log: Path, pid: int) -> list[dict[str, Any]]:
    """The log is appended to from start to start: each begins with an entry that names its pid."""
    mine: list[dict[str, Any]] = []
    is_mine = False
    for entry in _entries(log):
        if entry.get("msg") == "MongoDB starting":
            is_mine = entry.get("attr", {}).get("pid") == pid
            mine.clear()
        if is_mine:
            mine.append(entry)
    return mine


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    try:
        lines: Iterable[bytes] = log.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _words(entry: dict[str, Any]) -> str:
    """What lies deepest says most: the parts of `attr.message` or `attr.error`, else they themselves, else `msg`."""
    attributes = entry.get("attr") or {}
    detail = attributes.get("message") or attributes.get("error") or entry.get("msg")
    if isinstance(detail, dict):
        detail = ": ".join(str(detail[part]) for part in ("msg", "errmsg", "error_str") if part in detail)
    return " ".join(str(detail).split())[:QUOTE_MAX]


def _silent(exit_code: int) -> str:
    # 51 is what `mongod --fork` makes of any signal (tried: SIGKILL, SIGXFSZ, SIGABRT on 6.0.5).
    return "a signal ended it (killed, or out of memory)" if exit_code == 51 else "it said nothing"


def _first_words(printed: str) -> str:
    lines = (line.strip() for line in printed.splitlines())
    return next((line[:QUOTE_MAX] for line in lines if line and not line.startswith(CHATTER)), "")
