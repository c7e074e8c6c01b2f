"""A duty that somebody must do and only one may: of all who are started for it one leads, the others stand by.

The projector is one. A lease on the database's clock says who leads; it is a courtesy, so what a duty writes is guarded
by itself, by a fence or by the version of an append.
"""

import logging
import threading
from datetime import timedelta
from typing import Protocol

from eventqueue.errors import Fenced, QueueError, Unavailable
from eventqueue.mongo.leases import Lease, Renewal

logger = logging.getLogger(__name__)

STANDBY = timedelta(milliseconds=300)  # between two looks at the lease: an heir is to be at work within a second
YIELD = timedelta(milliseconds=50)  # to who has taken the place for a moment, an operator perhaps


class Duty(Protocol):
    """What is to be done."""

    def prepare(self, stop: threading.Event) -> bool:
        """Do what has to be done before this process may lead, which may take long; return whether it may then.

        Raises Fenced where things have just changed: then it is asked again at once.
        """
        ...

    def lead(self, renewal: Renewal, stop: threading.Event) -> None:
        """Do it until `stop` is set or `renewal` is lost.

        Raises Fenced where another has taken the place, and Unavailable; after either it is tried again.
        """
        ...


class LeasedLoop:
    """Does a duty whenever the lease can be had."""

    def __init__(self, lease: Lease, duty: Duty) -> None:
        self._lease = lease
        self._duty = duty

    def run(self, stop: threading.Event) -> None:
        """Lead or stand by until `stop` is set. Raises what is neither Fenced nor Unavailable, and tells the heirs."""
        left = None
        try:
            while not stop.is_set():
                stop.wait(self.step(stop).total_seconds())
        except QueueError as error:
            left = str(error)
            raise
        finally:
            self._retire(left)

    def step(self, stop: threading.Event) -> timedelta:
        """Lead once, if that can be; return how long to wait before the next step."""
        try:
            if not (self._duty.prepare(stop) and self._lease.acquire()):
                return STANDBY
            with Renewal(self._lease) as renewal:
                self._duty.lead(renewal, stop)
        except Fenced as error:
            logger.info("looking again: %s", error)
            return YIELD
        except Unavailable as error:
            logger.warning("%s", error)
            return STANDBY
        return timedelta(0)

    def _retire(self, left: str | None) -> None:
        try:
            self._lease.release(left)
        except QueueError:
            logger.info("the lease was not released; it ends by itself")
