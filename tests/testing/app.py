"""An application's tasks, as the tests of the testing room run them."""

from dataclasses import dataclass
from datetime import timedelta

from eventqueue import Context, Discard, Fail, Retry, Snooze, current_job, task

outbox: list[str] = []
attempts: list[tuple[str, int, int]] = []


@dataclass
class Letter:
    to: str
    copies: int = 1


@task
def send(to: str, copies: int = 1) -> int:
    outbox.extend([to] * copies)
    return copies


@task
def send_once(to: str) -> None:
    """As `send`, but a job's letter is sent once: its id is the key by which that is known."""
    if (letter := f"{current_job().id}: {to}") not in outbox:
        outbox.append(letter)


@task(queue="post", max_retries=2)
async def post(letter: Letter, ctx: Context) -> str:
    attempts.append((ctx.id, ctx.attempt, ctx.claim))
    return f"{letter.copies} to {letter.to}"


@task(max_retries=2)
def fall(times: int = 100) -> str:
    print("about to fall")
    if current_job().attempt <= times:
        raise OSError("the post is closed")
    return "stood"


@task(max_retries=5)
def says(what: str) -> None:
    match what:
        case "retry":
            raise Retry("not yet", after=timedelta(minutes=3))
        case "snooze":
            if not outbox:
                outbox.append("snoozed")
                raise Snooze(after=timedelta(hours=2))
        case "discard":
            raise Discard("nobody wants it")
        case "fail":
            raise Fail("it will never do")
        case "exit":
            raise SystemExit(3)


@task
def spread(to: list[str]) -> None:
    for one in to:
        send.enqueue(one)


@task
def spread_and_say(to: str) -> None:
    send.enqueue(to)
    outbox.append("spread")


@task
def spread_once(to: list[str]) -> None:
    for one in to:
        send.options(key=f"letter-to-{one}").enqueue(one)


@task
def claims_too_much(total: int) -> None:
    assert total == 0, f"{total} is left"


@task
def forever() -> None:
    forever.enqueue()
