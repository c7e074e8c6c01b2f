"""What a worker and its launcher say to each other: messages on a stream socket, each with its lengths in front.

A message is a small JSON object, for what has a name, and a blob of raw bytes, for output as the command printed it.
Both sides import this module, the launcher in a bare interpreter: stdlib only, and nothing slow. The worker orders
`start`, `kill`, `extend` and `tell`; the launcher says `hears` before it reads the first order, and answers `started`
and, once for each start, `ended`; `lives` to each `extend`, and `written` to a `tell` of what runs.
"""

from __future__ import annotations

import json
import os

from eventqueue.worker.shell.output import Bounded

TYPE_CHECKING = False  # typing's own takes 2 ms to import
if TYPE_CHECKING:
    from typing import Any

HEARS = "hears"
LIVES = "lives"
WRITTEN = "written"

_LENGTH_BYTES = 4
_PREFIX_BYTES = 2 * _LENGTH_BYTES
_READ_BYTES = 256 * 1024


def start(key: str, command: str, env: dict[str, str], cwd: str | None, timeout_s: float | None) -> bytes:
    """Order to run `command`; `env` goes over the launcher's own environment."""
    return encode({"type": "start", "key": key, "command": command, "env": env, "cwd": cwd, "timeout_s": timeout_s})


def kill(key: str, grace_s: float) -> bytes:
    """Order to end the run `key`: TERM now, KILL after `grace_s`."""
    return encode({"type": "kill", "key": key, "grace_s": grace_s})


def extend(until: float) -> bytes:
    """Order to kill everything at `until`, in time since boot, which all processes of a host share."""
    return encode({"type": "extend", "until": until})


def tell(key: str) -> bytes:
    """Order to tell what run `key` has written by now."""
    return encode({"type": "tell", "key": key})


def written(key: str, tails: tuple[Bounded, Bounded]) -> bytes:
    """Answer what run `key` has written by now."""
    return _with_tails({"type": WRITTEN, "key": key}, tails)


def hears() -> bytes:
    """Say that it is there: of one that has not said so no order was read."""
    return encode({"type": HEARS})


def lives() -> bytes:
    """Answer that it has heard an `extend`."""
    return encode({"type": LIVES})


def started(key: str, pid: int, begun: tuple[int, int]) -> bytes:
    """Answer that the shell of run `key` is there."""
    return encode({"type": "started", "key": key, "pid": pid, "begun": begun})


def ended(
    key: str,
    *,
    status: int | None = None,
    duration_s: float = 0.0,
    tails: tuple[Bounded, Bounded] | None = None,
    problem: str | None = None,
    **flags: bool,
) -> bytes:
    """Answer that run `key` is over: `status` as waitpid gave it (None: never started), the flags that are set."""
    code = None if status is None else os.waitstatus_to_exitcode(status)
    message = {
        "type": "ended",
        "key": key,
        "exit_code": code if code is not None and code >= 0 else None,
        "signal": -code if code is not None and code < 0 else None,
        "duration_s": duration_s,
        "problem": problem,
        **flags,
    }
    return _with_tails(message, tails or (Bounded(), Bounded()))


def _with_tails(message: dict[str, Any], tails: tuple[Bounded, Bounded]) -> bytes:
    out, err = tails
    about = {"totals": [out.total, err.total], "split": len(out.kept())}
    return encode({**message, **about}, out.kept() + err.kept())


def encode(message: dict[str, Any], blob: bytes = b"") -> bytes:
    """Return the bytes of one message: two lengths, the message as JSON, the blob."""
    # ASCII JSON, since it carries lone surrogates too: the undecodable bytes of an environment.
    text = json.dumps(message).encode("ascii")
    return len(text).to_bytes(_LENGTH_BYTES, "big") + len(blob).to_bytes(_LENGTH_BYTES, "big") + text + blob


def take(received: bytearray) -> tuple[dict[str, Any], bytes] | None:
    """Remove the first message from `received` and return it with its blob; None while it is incomplete."""
    if len(received) < _PREFIX_BYTES:
        return None
    blob_at = _PREFIX_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
    end = blob_at + int.from_bytes(received[_LENGTH_BYTES:_PREFIX_BYTES], "big")
    if len(received) < end:
        return None
    message, blob = json.loads(received[_PREFIX_BYTES:blob_at].decode("ascii")), bytes(received[blob_at:end])
    del received[:end]
    return message, blob


class Channel:
    """One end of a connected stream socket, which never blocks.

    Not thread-safe, but what is sent and what is received share nothing: one thread may do each.
    """

    __slots__ = ("_received", "_unsent", "fd", "is_heard", "is_open")

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.is_open = True  # the other side may say more
        self.is_heard = True  # and it may hear
        self._received = bytearray()
        self._unsent = bytearray()

    def send(self, message: bytes) -> None:
        """Put an encoded message in the line; `flush` moves the line on."""
        self._unsent += message

    def flush(self) -> bool:
        """Write what the other side takes now; return whether all is gone.

        What nobody will read is dropped, and clears `is_heard`.
        """
        try:
            while self._unsent:
                del self._unsent[: os.write(self.fd, self._unsent)]
        except BlockingIOError:
            return False
        except OSError:
            self._unsent.clear()
            self.is_heard = False
        return True

    def receive(self) -> list[tuple[dict[str, Any], bytes]]:
        """Return the messages complete by now; clears `is_open` once the other side has gone."""
        try:
            chunk = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        self.is_open = bool(chunk)
        self._received += chunk
        return list(iter(lambda: take(self._received), None))
