"""The stored settings: events of `config-default`, read whole and appended to, again on conflict."""

from typing import Any

from eventqueue import settings
from eventqueue.codec import seal
from eventqueue.events import EMPTY, ConfigEvent, ConfigSet, ConfigUnset
from eventqueue.ground import Ground
from eventqueue.log import Append


def stored(ground: Ground) -> dict[str, settings.Value]:
    """Return the values that are stored, by name."""
    return settings.fold(ground.log.read(settings.STREAM))


def store(ground: Ground, name: str, value: Any, actor: str) -> settings.Value:
    """Store a setting's value (None: none any more) and return what it is now. Raises InvalidInput."""
    one = settings.setting(name)
    parsed = None if value is None else one.parse(name, value)
    event: ConfigEvent = ConfigUnset(name=name) if value is None else ConfigSet(name=name, value=parsed)
    while True:
        last = ground.log.read_last(settings.STREAM)
        head = EMPTY if last is None else last.head
        append = Append(seal(settings.STREAM, head, [event], actor=actor, now=ground.clock.now()))
        (result,) = ground.log.append([append])
        if result.error is not None:
            raise result.error
        if result.is_whole:
            return parsed if value is not None else one.builtin
