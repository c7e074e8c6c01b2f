"""How what is logged is written: for people, with its time and host where nobody watches, or an object a line."""

import logging
import socket
import sys
from datetime import UTC, datetime

import msgspec

from eventqueue.model.figures import instant
from eventqueue.system.printable import clean_json, clean_lines


class TextForm(logging.Formatter):
    """A line behind `prefix`, and a traceback in its lines; `is_watched`: on a terminal, without time and host."""

    def __init__(self, prefix: str, *, is_watched: bool) -> None:
        super().__init__()
        self._prefix = prefix
        self._is_watched = is_watched

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        stamp = "" if self._is_watched else f"{_at(record)} {socket.gethostname()} "
        return clean_lines(f"{stamp}{self._prefix}{super().format(record)}")


class JsonForm(logging.Formatter):
    """An object, as a worker's narration has them: `event` is `logged`."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        found = {
            "event": "logged",
            "at": _at(record),
            "host": socket.gethostname(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return clean_json(msgspec.json.encode(found).decode())


def form(prefix: str, *, as_json: bool) -> logging.Formatter:
    """Return the form in which this process logs to stderr."""
    return JsonForm() if as_json else TextForm(prefix, is_watched=sys.stderr.isatty())


def _at(record: logging.LogRecord) -> str:
    return instant(datetime.fromtimestamp(record.created, UTC))
