"""What holds after each run of a TestQueue, whatever went wrong in it."""

from collections.abc import Iterable

from eventqueue.audit.rules import check, stored
from eventqueue.errors import InvariantBroken
from eventqueue.model.job import FINAL, Job
from eventqueue.ports.log import EventLog


def check_histories(log: EventLog) -> None:
    """Raise InvariantBroken for the first stream that is not as the rules of the log have it."""
    for stream, history in log.scan_raw():
        for finding in check(stream, map(stored, history)):
            raise InvariantBroken(f"Version {finding.version} of {finding.stream} breaks a rule: {finding.problem}.")


def check_ended(jobs: Iterable[Job]) -> None:
    """Raise InvariantBroken for a job that should have ended, and has not."""
    for job in jobs:
        if job.state not in FINAL:
            raise InvariantBroken(f"Job {job.id} was acknowledged and has not ended: it is {job.state}.")
