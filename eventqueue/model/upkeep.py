"""What is done to the views as a whole, and by whom: the events of `views-live`. Nothing follows from them."""

import msgspec

from eventqueue.model.events import Event, register

STREAM = "views-live"


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What the views had that were there before, and the log had not: an event at least, their last one if it was that.

    `events`: how many these views were of. `jobs`: of how many they showed more than the log had; `such`: some of them.
    """

    stream: str
    version: int
    events: int
    jobs: int
    such: tuple[str, ...] = ()


class ViewsRebuilt(Event, frozen=True, kw_only=True, tag="views-rebuilt"):
    """Views built anew from the log have taken the place of those that were there."""

    generation: int
    projections: dict[str, int]  # each with its version
    why: str | None = None
    lost: Lost | None = None


class ParkedRetried(Event, frozen=True, kw_only=True, tag="parked-retried"):
    """Somebody lets a job go on that a projection has parked."""

    projection: str
    job: str
    why: str | None = None


UpkeepEvent = ViewsRebuilt | ParkedRetried

register("views", ViewsRebuilt, ParkedRetried)
