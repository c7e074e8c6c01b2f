"""A job held against the rules, its views and what is kept of it, now: one verdict."""

from eventqueue.errors import Refused
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown

FINDINGS_MAX = 100


def show(asked: Asked) -> Shown:
    """Show what an audit of one job finds. Raises JobNotFound, or Refused of the past."""
    if asked.then is not None:
        raise Refused("A proof is of what there is now: go to now, and ask for it there.")
    job_id = asked.path["id"]
    found = asked.queue.verify(job_id)
    what = {
        "job_id": job_id,
        "verdict": found,
        "findings": found.findings[:FINDINGS_MAX],
        "more": found.more + max(0, len(found.findings) - FINDINGS_MAX),
    }
    return Shown("job_proof.html", f"Proof of {job_id}", what)
