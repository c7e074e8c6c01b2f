"""What a hand has put where no stream of what people set can have come to: it is passed over, and `doctor` names it."""

from collections.abc import Iterator

from eventqueue.model import ignoring, pause, readable, settings
from eventqueue.model.codec import version_in
from eventqueue.model.events import category_of
from eventqueue.ports.log import EventLog
from eventqueue.schedules import events as schedules

SET = (category_of(settings.STREAM), pause.CATEGORY, schedules.CATEGORY, ignoring.CATEGORY)


def unreached(log: EventLog) -> Iterator[str]:
    """Yield words on each stream that holds such events. Raises Unavailable."""
    for category in SET:
        for stream, last in log.scan_last(category):
            if readable.is_far(version_in(last) or 0) and (told := readable.unreached(log.read_raw(stream))):
                yield told
