"""What workers do for the shop."""

import asyncio

from eventqueue import task


@task(queue="mail", max_retries=5)
async def confirm(order: int, customer: str) -> str:
    """Confirm an order."""
    await asyncio.sleep(0.01)  # a mail server, say
    return f"order {order} of {customer} is confirmed"
