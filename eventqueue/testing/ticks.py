"""Schedules in memory: their ticks become jobs once the test's clock has come to them."""

from eventqueue.testing.connection import MemoryConnection
from eventqueue.ticking.ticker import Ticker


def tick(connection: MemoryConnection) -> bool:
    """Make the jobs of ticks that have come, as a worker's ticker does; whether there were any."""
    ground = connection.ground
    before = len(ground.log.taken)
    # A new one each time, which asks the log: so it knows of the schedules that were set since.
    Ticker(ground, connection.signals, connection.actor, {}).step()
    return len(ground.log.taken) > before
