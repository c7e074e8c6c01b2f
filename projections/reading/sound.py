"""What workers can use of the views: what somebody has altered is passed over, and told of once."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from eventqueue.model.job import Job
from projections.folds.jobs import to_job

logger = logging.getLogger(__name__)

SAID_MAX = 1000  # of what is passed over, remembered as told of


class Sound:
    """What one finder reads that is sound. Threads may share it: at worst a thing is told of twice."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def entries(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Leave out what somebody has made of an entry that cannot be one."""
        for entry in entries:
            jobs = entry.get("jobs")
            if (
                isinstance(entry["_id"], str)
                and isinstance(entry.get("priority"), int)
                and isinstance(jobs, list)
                and all(isinstance(one, str) for one in jobs)
            ):
                yield entry
            else:
                self._say(
                    f"an entry of the views cannot be read: {entry['_id']!r}", "`queuectl projections rebuild` mends it"
                )

    def job(self, document: Mapping[str, Any]) -> Job | None:
        """Return the job in a document, if it can be read: nobody else's job waits for one that cannot."""
        try:
            return to_job(document)
        except msgspec.ValidationError as error:
            self._say(f"job {document['_id']} is passed over, since its view cannot be read", str(error))
            return None

    def _say(self, what: str, more: str) -> None:
        # Every look comes upon it again, and there are several a second.
        if what in self._said:
            return
        if len(self._said) >= SAID_MAX:
            self._said.clear()
        self._said.add(what)
        logger.warning("%s: %s", what, more)
