"""Time zones by their names, as this machine knows them, or the package tzdata where it knows none."""

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventqueue.errors import InvalidInput

NAME_MAX = 100  # characters
_OF_THE_MACHINE = ("localtime", "posixrules")  # which are other zones elsewhere, as `right/…` counts other seconds


def zone(name: str) -> tzinfo:
    """Return a time zone. Raises InvalidInput for a name that is none's."""
    try:
        # By its name it is looked for as a file: of a folder, or of a name that none can have, the system says so.
        if name and len(name) <= NAME_MAX and name not in _OF_THE_MACHINE and not name.startswith("right/"):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise InvalidInput("tz", f"{name[:NAME_MAX]!r} is no time zone known here, such as Europe/Berlin or UTC")
