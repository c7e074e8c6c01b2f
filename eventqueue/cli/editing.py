"""A job's fields in the editor of whoever types, as `git commit` has its message."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from eventqueue.cli.values import json_object
from eventqueue.errors import InvalidInput, Refused
from eventqueue.model.amending import AMENDABLE, VARIABLE
from eventqueue.model.events import Shell
from eventqueue.model.job import Job
from eventqueue.model.restarting import alterations
from eventqueue.system.printable import clean_json

EDITOR = "vi"  # where the environment names none


def edited(job: Job) -> tuple[dict[str, Any], Sequence[str]]:
    """Have somebody edit a job's fields; return those that are changed, and what the new one is to have no more.

    Raises Refused where nothing was changed, where the editor failed, or where the text is no such job: then with the
    name of the file that it is kept in.
    """
    before = _fields(job)
    descriptor, name = tempfile.mkstemp(prefix="queuectl-restart-", suffix=".json")  # for this user's eyes alone
    with os.fdopen(descriptor, "wb") as file:
        file.write(_shown(before))
    path = Path(name)
    try:
        text = _text(path)
        fields, unset = _changes(before, json_object(text, "The text")) if text.strip() else ({}, ())
        if fields or unset:
            alterations(fields, unset)
    except InvalidInput as error:
        raise Refused(f"{str(error).rstrip('.')}. Nothing was done; the text is kept in {path}") from error
    except BaseException:
        _forget(path)
        raise
    _forget(path)
    if not fields and not unset:
        raise Refused(f"Nothing was changed, and nothing done: `queuectl restart {job.id}` takes the job as it was.")
    return fields, unset


def _fields(job: Job) -> dict[str, Any]:
    run = {"command": job.run.command, "env": job.run.env} if isinstance(job.run, Shell) else {}
    kept = {name: getattr(job, name) for name in ("queue", "priority", "max_retries", "timeout", "tags")}
    return {**run, **kept, "tags": [*job.tags]}


def _shown(fields: Mapping[str, Any]) -> bytes:
    # Others wrote it: in no editor is it to steer the terminal, or to look like what it is not.
    return clean_json(msgspec.json.format(msgspec.json.encode(fields), indent=2).decode()).encode() + b"\n"


def _forget(path: Path) -> None:
    with suppress(OSError):  # an editor may have done anything with it
        path.unlink()


def _text(path: Path) -> str:
    words = _editor()
    try:
        code = subprocess.run([*words, str(path)], check=False).returncode
    except OSError as error:
        raise Refused(f"The editor {words[0]!r} cannot be run ({error.strerror}): set EDITOR to one.") from error
    if code:
        raise Refused(f"The editor {words[0]!r} ended with exit code {code}: nothing was done.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("", "The text is no UTF-8") from error
    except OSError as error:
        raise Refused(f"The editor {words[0]!r} left no text to read ({error.strerror}): nothing was done.") from error


def _editor() -> list[str]:
    """Return the command that is asked for, or the usual one. Raises Refused for one that is none."""
    asked = (os.environ.get(name, "").strip() for name in ("VISUAL", "EDITOR"))
    text = next(filter(None, asked), EDITOR)
    try:
        return shlex.split(text) or [EDITOR]
    except ValueError:
        raise Refused(
            f"The editor {text!r} cannot be run (a quotation mark is never closed): set EDITOR to one."
        ) from None


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    fields = {name: value for name, value in after.items() if value is not None and value != before.get(name)}
    gone = [name for name, value in before.items() if value is not None and after.get(name) is None]
    unset = [name for name in gone if name != "env" and before[name] != []]
    had, has = before.get("env", {}), after.get("env") or {}
    if isinstance(has, Mapping) and "env" in before:
        fields.pop("env", None)
        if new := {name: value for name, value in has.items() if had.get(name) != value}:
            fields["env"] = new
        unset += [f"{VARIABLE}{name}" for name in had if name not in has]
    for name in after:
        if name not in AMENDABLE and name not in fields:
            fields[name] = after[name]
    return fields, unset
