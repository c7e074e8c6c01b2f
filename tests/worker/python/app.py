"""Tasks of a user's, good ones and bad ones, as a worker imports them."""

import asyncio
import contextlib
import ctypes
import io
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from eventqueue import Context, Discard, Fail, Retry, Snooze, current_job, task


@task
def add(a: int, b: int = 1) -> int:
    return a + b


@task
def pid() -> int:
    return os.getpid()


@task
def note(file: Path, line: str) -> None:
    with file.open("a") as out:
        out.write(f"{line}\n")


@task
def stay(file: Path, seconds: float = 1000.0) -> str:
    """Say in a file that it runs, and wait."""
    file.write_text(str(os.getpid()))
    time.sleep(seconds)
    return "slept"


@task
async def stay_async(file: Path, seconds: float = 1000.0) -> str:
    file.write_text(str(os.getpid()))
    await asyncio.sleep(seconds)
    return "slept"


@task
def spin(file: Path) -> None:
    file.write_text(str(os.getpid()))
    while True:
        pass


@task
def stubborn(file: Path) -> None:
    """Go on, whatever is raised."""
    file.write_text(str(os.getpid()))
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


@task
async def stubborn_async(file: Path) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(1000)


@task
def waits_for_stop(ctx: Context, file: Path) -> str:
    file.write_text(str(os.getpid()))
    while not ctx.cancelled():
        try:
            time.sleep(0.01)
        except BaseException:
            return f"asked: {ctx.cancelled()}"
    return "asked"


@task
def talk(ctx: Context) -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    sys.stdout.buffer.write(b"\x00\xffbinary\n")
    logging.getLogger("shop").info("logged")
    ctx.log.warning("by the job's own")


@task
def talk_beside_python() -> None:
    subprocess.run(["/bin/sh", "-c", "echo from a subprocess; echo and its stderr >&2"], check=True)
    os.write(1, b"by descriptor\n")


@task
def shout(count: int) -> None:
    for _ in range(count):
        sys.stdout.write("x" * 1024)
    print("the end")


@task
async def say_slowly(word: str) -> None:
    for _ in range(3):
        print(word)
        await asyncio.sleep(0.01)


@task
def takes_stdout_away() -> None:
    sys.stdout.close()
    sys.stderr = io.StringIO()


@task
def who(ctx: Context) -> list[Any]:
    return [ctx.id, ctx.attempt, ctx.claim, ctx.queue, ctx.task, ctx.deadline is not None, current_job() is ctx]


@task
def advance(ctx: Context) -> None:
    for done in range(100):
        ctx.progress(done, 100, "half way" if done == 50 else None)


@task
def segfault() -> None:
    ctypes.string_at(0)


@task
def exits_at_once(code: int) -> None:
    os._exit(code)


@task
def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
def raises(kind: str) -> None:
    kinds: dict[str, BaseException] = {
        "ValueError": ValueError("no such order"),
        "SystemExit": SystemExit(4),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit(),
        "CancelledError": asyncio.CancelledError(),
    }
    raise kinds[kind]


@task
async def raises_async(kind: str) -> None:
    await asyncio.sleep(0)
    raises(kind)


@task
def recurses() -> None:
    recurses()


@task
def returns_what_cannot_be_kept() -> Any:
    return threading.Lock()


@task
def returns_much() -> str:
    return "x" * 300_000_000


@task
def forks() -> str:
    if (pid := os.fork()) == 0:
        print("from the copy")
        return "copy"
    os.waitpid(pid, 0)
    return "original"


@task
def uses_multiprocessing() -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [-1, -2])


@task
def uses_threads() -> int:
    found: list[int] = []
    threads = [threading.Thread(target=found.append, args=(n,)) for n in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(found)


@task
def blocks_signals(file: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGURG):
        signal.signal(one, signal.SIG_IGN)
    file.write_text(str(os.getpid()))
    time.sleep(1000)


@task
def descriptors_of_a_program() -> list[str]:
    """Return what a program is given that is started with all that may be given."""
    found = subprocess.run(["/bin/ls", "/proc/self/fd"], check=True, stdout=subprocess.PIPE, close_fds=False)
    return found.stdout.decode().split()


@task
def leaves_something(file: Path) -> None:
    """Start what outlives it, in a session of its own."""
    code = f"echo $$ > {file}.new && mv {file}.new {file}; exec sleep 1000"
    subprocess.Popen(["/bin/sh", "-c", code], start_new_session=True)


@task
def eats(bytes_: int) -> int:
    """Grow, and stay so."""
    _eaten.append(bytearray(b"x" * bytes_))
    return os.getpid()


_eaten: list[bytearray] = []


@task
def meets() -> int:
    """Come to an end only where two others run at the same time, in the same process."""
    _barrier.wait(60)
    return os.getpid()


@task
async def meets_async() -> int:
    _met.append(asyncio.current_task())
    while len(_met) < 3:
        await asyncio.sleep(0.001)
    return os.getpid()


_barrier = threading.Barrier(3)
_met: list[Any] = []


@task
def directs(kind: str) -> None:
    ways: dict[str, Exception] = {
        "retry": Retry(after=0),
        "discard": Discard("the order is gone"),
        "fail": Fail("no such order"),
    }
    raise ways[kind]


@task
def succeeds_after(attempts: int) -> int:
    if current_job().attempt <= attempts:
        raise ValueError("not yet")
    return current_job().attempt


@task
def snoozes_once(file: Path) -> None:
    if not file.exists():
        file.touch()
        raise Snooze(after=0.01)


@task
def stops_itself(file: Path) -> None:
    file.write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


@task
def closes_all() -> None:
    """Close every descriptor, among them those that are not its own."""
    os.closerange(3, 1024)


@task
def writes(ctx: Context, file: Path) -> None:
    """Write down which attempt it is: a line of one write."""
    with file.open("ab", buffering=0) as out:
        out.write(f"{ctx.id} {ctx.attempt} {ctx.claim}\n".encode())
    time.sleep(0.02)  # so that there is something to be killed, however slow the machine is


@task
def gated(ctx: Context, file: Path, entered: Path, way_out: Path) -> None:
    """Write down which attempt it is, say its pid, and wait until it may end."""
    writes(ctx, file)
    entered.write_text(f"{os.getpid()}\n")
    with way_out.open() as lines:
        lines.readline()


@task
def prints_under_the_lock(size: int) -> int:
    """As C code does that does not let go of Python's lock while it prints."""
    return int(ctypes.PyDLL(None).write(1, b"x" * size, size))


@task
def prints_and_dies(count: int) -> None:
    print("x" * count, end="")
    print("the end")
    os.write(1, b"by descriptor\n")
    ctypes.string_at(0)


@task
def writes_everywhere() -> None:
    """Write into every descriptor, among them those that are not its own."""
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(fd, b"\xff" * 100)
    time.sleep(1000)


@task
def forges() -> None:
    """Say what no child says, by every descriptor there is, and write into what is read when it is dead."""
    body = msgspec.msgpack.encode(["over", 1, "raised", 7, 0.1])
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
        with contextlib.suppress(OSError):
            os.set_blocking(fd, True)
            os.write(fd, len(body).to_bytes(4, "big") + body)
    time.sleep(1000)


@task
def prints_and_stays(file: Path) -> None:
    print("so far")
    stay(file)
