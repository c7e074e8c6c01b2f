"""The one place where an exception becomes a sentence on stderr and an exit code. Never a traceback.

Only with `QUEUECTL_DEBUG` set is the traceback shown as well. Where JSON is asked for the sentence is in a document on
stderr, as stdout holds what was found, with a code that stays the same when the words are put better.
"""

import os
import re
import signal
import sys
import traceback

import click
from click.exceptions import NoSuchCommand, NoSuchOption

from eventqueue.cli.render.terminal import refuse
from eventqueue.errors import InvalidInput, QueueError, redact
from eventqueue.model.names import meant
from eventqueue.system.interrupts import Interrupted
from eventqueue.system.printable import clean_json, clean_lines

REFUSED, USAGE = 1, 2
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
NOBODY_READS = 141  # 128 + SIGPIPE


def report(error: BaseException, *, as_json: bool = False) -> int:
    """Say what went wrong, where there is something to say, and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, OSError):  # stdout itself, perhaps: what is still buffered must not fail again at the exit
        _forget_output()
    if isinstance(error, BrokenPipeError):
        return NOBODY_READS
    if isinstance(error, Interrupted):
        name = signal.Signals(error.number).name
        return _say(f"Interrupted by {name}.", error, 128 + error.number, as_json=as_json)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return _say("Interrupted.", error, INTERRUPTED, as_json=as_json)
    if os.environ.get("QUEUECTL_DEBUG"):
        click.echo(clean_lines(redact("".join(traceback.format_exception(error)))), err=True)
    return _say(_sentence(error), error, USAGE if isinstance(error, click.UsageError) else REFUSED, as_json=as_json)


def _say(sentence: str, error: BaseException, code: int, *, as_json: bool) -> int:
    if not as_json:
        refuse(sentence)
        return code
    import msgspec

    field = _field_of(error)
    # What is no text, as some names of files, is shown by its bytes: JSON has no place for it.
    message, field = _text(redact(sentence)), None if field is None else _text(field)
    found = {"code": code_of(error), "message": message, "field": field, "exit": code}
    click.echo(clean_json(msgspec.json.encode({"error": found}).decode()).encode(), err=True)
    return code


def _text(words: str) -> str:
    return words.encode(errors="backslashreplace").decode()


def _field_of(error: BaseException) -> str | None:
    match error:
        case InvalidInput(field=field) | click.UsageError(__cause__=InvalidInput(field=field)):
            return field or None
        case click.BadParameter(param=click.Parameter(name=name)):
            return name
        case _:
            return None


def code_of(error: BaseException) -> str:
    """Return the code of an error, as docs/json.md has them: of ours its class, such as `job-not-found`."""
    match error:
        case KeyboardInterrupt() | click.Abort():
            return "interrupted"
        case click.UsageError():
            return "usage"
        case QueueError():
            return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(error).__name__).lower()
        case OSError() | click.ClickException():
            return "system"
        case _:
            return "unexpected"


def _sentence(error: BaseException) -> str:
    match error:
        case click.UsageError(ctx=ctx):
            return f"{_usage(error)}: see `{ctx.command_path if ctx else 'queuectl'} --help`."
        case click.ClickException():
            return error.format_message()
        case QueueError():
            return str(error)
        case OSError(strerror=str(reason), filename=None):
            return f"{reason}."
        case OSError(strerror=str(reason), filename=name):
            return f"{os.fsdecode(name) if isinstance(name, str | bytes) else name}: {reason}."
        case _:
            kind = type(error).__name__
            return f"Unexpected {kind}: {error}. Please report it, with what QUEUECTL_DEBUG=1 shows."


def _usage(error: click.UsageError) -> str:
    if isinstance(error, NoSuchOption | NoSuchCommand):
        # In the words of all other names that are none's, and not in click's.
        name = error.option_name if isinstance(error, NoSuchOption) else error.command_name
        # By their dashes all options are alike.
        like = [one for one in error.possibilities or () if meant(name.lstrip("-"), [one.lstrip("-")])]
        return f"{error.message.rstrip('.')}{meant(name, like)}"
    return error.format_message().rstrip(".")


def _forget_output() -> None:
    try:
        stdout = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)
    except (OSError, ValueError):  # no file at all, as in a test
        return
