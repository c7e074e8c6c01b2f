"""The stored settings: events of `config-default`, read whole and appended to, again on conflict."""

import warnings
from contextlib import suppress
from typing import Any

import msgspec

from eventqueue.errors import AccessDenied, LogUnavailable
from eventqueue.log.insist import Decision, insist
from eventqueue.model import readable, settings
from eventqueue.model.codec import check_data
from eventqueue.model.events import ConfigEvent, ConfigSet, ConfigUnset
from eventqueue.mongo.outputs import Outputs
from eventqueue.ports.footing import Footing


def stored(ground: Footing) -> dict[str, settings.Value]:
    """Return the values that are stored, by name; what cannot be used is passed over, and a warning tells."""
    values, problem = look(ground)
    if problem is not None:
        warnings.warn(
            f"The settings stay as they were before an event that is passed over: {problem} `queuectl config list` "
            "shows them, and `queuectl config set` makes them sure.",
            stacklevel=1,  # from here, whoever asked: so that it is said once
        )
    return values


def look(ground: Footing) -> tuple[dict[str, settings.Value], str | None]:
    """Return the values that are stored, and why the last event is passed over, if it is."""
    found = readable.read(ground.log.read_raw(settings.STREAM))
    values, problem = settings.fold(found.events)
    return values, found.problem or problem


class Change(msgspec.Struct, frozen=True):
    """What is to become of a setting, and why; `value` None: no stored one any more."""

    name: str
    value: Any
    why: str | None = None


def parsed(name: str, value: Any) -> settings.Value:
    """Return what a setting will be once `value` is stored (None: none any more). Raises InvalidInput."""
    one = settings.setting(name)
    check_data(value, name)
    return one.builtin if value is None else one.parse(name, value)


def store_retention(ground: Footing, outputs: Outputs, change: Change, actor: str) -> settings.Value:
    """As `store`, of how long outputs are kept, which the server prunes by itself. Raises InvalidInput."""
    keep_s = parsed(settings.RETENTION, change.value)
    assert isinstance(keep_s, int | float)
    # In the order in which too much is kept, and not too little, where it ends in between.
    if not keep_s or 0 < outputs.kept_for() < keep_s:
        outputs.keep_for(keep_s)
    stored = store(ground, change, actor)
    with suppress(AccessDenied):  # `doctor` says so, and the next worker that may does it
        outputs.keep_for(keep_s)
    return stored


def store(ground: Footing, change: Change, actor: str) -> settings.Value:
    """Store a setting's value and return what it is now. Raises InvalidInput."""
    name, why = change.name, change.why
    found = parsed(name, change.value)
    is_unset = change.value is None
    event: ConfigEvent = ConfigUnset(name=name, why=why) if is_unset else ConfigSet(name=name, value=found, why=why)

    def look() -> Decision:
        return readable.read(ground.log.read_raw(settings.STREAM)).head, [event]

    try:
        insist(ground.log, settings.STREAM, look, actor=actor, now=ground.clock.now)
    except LogUnavailable as error:
        raise error.about(f"{name} is set", "`queuectl config list` tells, and to set it again is safe.") from error
    return found
