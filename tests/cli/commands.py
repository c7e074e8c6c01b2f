"""Running queuectl: as a process of its own, through its real entry point, or in this one where that is enough."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from eventqueue.cli.main import run
from tests.patience import PATIENCE_S


@dataclass(frozen=True)
class Ran:
    """What became of one command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Queuectl:
    """The command, with the environment that it runs in."""

    environ: Mapping[str, str]

    def here(self, *args: str, stdin: bytes = b"") -> Ran:
        """Run it in this process: as the entry point does, but for the end of the process."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        typed = io.TextIOWrapper(io.BytesIO(stdin))
        with (
            mock.patch.dict(os.environ, self.environ, clear=True),
            mock.patch.object(sys, "stdin", typed),
            mock.patch.object(sys, "path", [*sys.path]),
            _signals_kept(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run(args)
        return Ran(code, _written(out), _written(err))

    def process(self, *args: str | bytes, stdin: bytes = b"") -> Ran:
        """Run it as a process, and wait for its end."""
        done = subprocess.run(
            [sys.executable, "-m", "eventqueue", *args],
            input=stdin,
            env=self.environ,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def python(self, code: str) -> str:
        """Run Python in the same environment as a process; return what it prints."""
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, env=self.environ, capture_output=True, timeout=PATIENCE_S, check=True, text=True)
        return done.stdout

    def start(self, *args: str, text: bool = True) -> "subprocess.Popen[Any]":
        """Start it as a process that is to be stopped by the caller; its output as text, or as bytes."""
        return subprocess.Popen(
            [sys.executable, "-m", "eventqueue", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ,
            text=text,
        )

    def ok(self, *args: str, stdin: bytes = b"") -> Ran:
        """Run it here; it must do what it is asked."""
        ran = self.here(*args, stdin=stdin)
        assert ran.code == 0, ran.err
        return ran

    def with_environ(self, **more: str) -> "Queuectl":
        """The same command with more in its environment."""
        return Queuectl({**self.environ, **more})

    def without(self, *names: str) -> "Queuectl":
        """The same command with less in its environment."""
        return Queuectl({name: value for name, value in self.environ.items() if name not in names})


def is_one_sentence(ran: Ran) -> bool:
    """Whether a refusal is what it has to be: nothing on stdout, a line on stderr, no traceback."""
    return ran.out == "" and ran.err.startswith("✘ ") and ran.err.count("\n") == 1 and "Traceback" not in ran.err


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Have what a command makes of signals, until its process ends, be undone."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
