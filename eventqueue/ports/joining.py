"""Appending within a transaction of somebody else's, as a protocol: with all that that writes, or not at all."""

from collections.abc import Sequence
from typing import Any, Protocol

from eventqueue.ports.log import Append


class Joining(Protocol):
    """Appends within the transactions of sessions of the driver's."""

    def append(self, session: Any, appends: Sequence[Append]) -> None:
        """Append the events of streams that are to begin with them: they are there once the transaction is committed.

        Raises InvalidInput, before anything is written, for a session whose transaction cannot hold a job, and
        DuplicateJob, which ends the transaction. What may be tried again as a whole are the driver's own errors, as
        they are, for its `with_transaction`.
        """
        ...
