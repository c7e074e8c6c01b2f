"""Tasks with hooks and spans around them."""

import asyncio
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from eventqueue import Context, Discard, current_job, on_dead, on_failure, on_start, on_success, task

trace.set_tracer_provider(TracerProvider())
called: list[str] = []


@on_start
def begins(ctx: Context) -> None:
    called.append(f"start {current_job().id} {ctx.retries_left}")


@on_success
def succeeds(ctx: Context, result: object) -> None:
    print(f"success {result!r}")
    called.append(f"success {result!r}")


@on_failure
def fails(ctx: Context, error: BaseException) -> None:
    print(f"failure {error}", file=sys.stderr)
    called.append(f"failure {error}")


@on_dead
def dies(ctx: Context, error: BaseException) -> None:
    called.append("dead")


@on_success
def breaks(ctx: Context, result: object) -> None:
    raise OSError("the metrics are down")


@on_success
def leaves(ctx: Context, result: object) -> None:
    if result == "fine":
        sys.exit(3)


@task
def fine() -> str:
    return "fine"


@task
async def fine_async() -> str:
    return "fine"


@task
def so_far() -> list[str]:
    found, called[:] = list(called), []
    return found


@task
async def double(n: int) -> int:
    if n < 0:
        raise ValueError("less than nothing")
    if n == 0:
        raise Discard("nothing to do")
    return 2 * n


@task
def span() -> str:
    found = trace.get_current_span()
    return f"{getattr(found, 'name', None)} {[hex(link.context.span_id) for link in getattr(found, 'links', [])]}"


@task
async def waits() -> None:
    await asyncio.sleep(1000)
