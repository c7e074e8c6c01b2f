"""Telling the log what is done to the views as a whole, and by whom."""

import logging

import msgspec

from eventqueue.errors import AccessDenied
from eventqueue.log.noting import note
from eventqueue.model.upkeep import STREAM, UpkeepEvent
from eventqueue.mongo.ground import Ground

logger = logging.getLogger(__name__)


class Told(msgspec.Struct, frozen=True):
    """Who does it, and why; `is_asked`: a person has asked for it."""

    actor: str
    why: str | None = None
    is_asked: bool = False


def record(ground: Ground, event: UpkeepEvent, actor: str) -> None:
    """Append what was done. Raises LogUnavailable; who may not append has done it all the same, which is said."""
    try:
        note(ground.log, STREAM, lambda _: [event], actor=actor, now=ground.clock.now)
    except AccessDenied as error:
        logger.warning("what was done to the views is not in the log: %s", error)
