"""What became of an act on many jobs, as a sentence. Pure."""

from eventqueue.api.bulk import ActSum
from eventqueue.model.deeds import Deed


def told(found: ActSum, deed: Deed) -> str:
    """Return to how many jobs a deed was done, of how many, and which act that was, without a full stop."""
    is_all = found.done == found.jobs
    of = "" if is_all or found.jobs is None else f" of {found.jobs:,}"
    other = f", {found.already:,} {'was' if found.already == 1 else 'were'} so already" if found.already else ""
    act = "" if found.id is None else f" (act {found.id})"
    return f"{found.done:,}{of} {deed.sentence(found.done if is_all else 0)}{other}{act}"
