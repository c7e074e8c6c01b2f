"""The tasks that scenarios run: one that does nothing, and one that waits."""

import asyncio

from eventqueue import task

WAIT_S = 0.1


@task(name="bench.nothing")
def nothing() -> None:
    """Do nothing."""


@task(name="bench.waits")
async def waits() -> None:
    """Wait."""
    await asyncio.sleep(WAIT_S)
