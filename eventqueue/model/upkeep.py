"""What is done to the views as a whole, and by whom: the events of `views-live`. Nothing follows from them."""

from eventqueue.model.events import Event, register

STREAM = "views-live"


class ViewsRebuilt(Event, frozen=True, kw_only=True, tag="views-rebuilt"):
    """Views built anew from the log have taken the place of those that were there."""

    generation: int
    projections: dict[str, int]  # each with its version
    why: str | None = None


class ParkedRetried(Event, frozen=True, kw_only=True, tag="parked-retried"):
    """Somebody lets a job go on that a projection has parked."""

    projection: str
    job: str
    why: str | None = None


UpkeepEvent = ViewsRebuilt | ParkedRetried

register("views", ViewsRebuilt, ParkedRetried)
