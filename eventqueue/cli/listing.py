"""A list of jobs, as `list`, `dlq list` and every `--dry-run` print it."""

from collections.abc import Sequence
from datetime import datetime

from eventqueue.cli import documents, tables
from eventqueue.cli.output import Output
from eventqueue.job import Job
from eventqueue.views import Listing


def print_listing(out: Output, listing: Listing, now: datetime) -> None:
    """Print the jobs, and on stderr how far the view that they are from is behind."""
    out.behind(listing.lag)
    print_jobs(out, listing.jobs, now)


def print_jobs(out: Output, jobs: Sequence[Job], now: datetime) -> None:
    """Print the jobs; for people, none is a note and no table."""
    if jobs or out.as_json:
        out.answer(lambda: [documents.job(one) for one in jobs], lambda: tables.jobs(jobs, now))
    else:
        out.note("No jobs.")
