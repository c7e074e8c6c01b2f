"""Phases on a line as wide as the page: to scale, but for idle time that is very long, and very short runs. Pure.

`static/widgets/timeline.js` lays them out by the same rule while a job runs.
"""

from collections.abc import Sequence

import msgspec

from eventqueue.audit.phases import Kind, Phase

LONG = 4  # so many times as long as all that is shorter than it: then idle time is cut short
CUT_WIDTH, CUT_MAX = 6.0, 40.0  # percent of the line: of one that is cut, and of all of them
RUN_MIN = 0.4  # percent, so that it can be seen


class Bar(msgspec.Struct, frozen=True):
    """A phase as it is drawn: where it begins and how wide it is, in percent of the line; whether it is cut short."""

    phase: Phase
    x: float
    width: float
    is_cut: bool


def bars(phases: Sequence[Phase]) -> list[Bar]:
    """Return the phases as bars that fill the line, in their order."""
    cut = _cut(phases)
    cut_width = min(CUT_WIDTH, CUT_MAX / len(cut)) if cut else 0.0
    rest = sum(_seconds(one) for place, one in enumerate(phases) if place not in cut)
    scale = (100 - cut_width * len(cut)) / rest if rest else 0.0
    widths = [
        cut_width if place in cut else max(_seconds(one) * scale, RUN_MIN if one.kind is Kind.RUNNING else 0.0)
        for place, one in enumerate(phases)
    ]
    fit = 100 / sum(widths) if sum(widths) else 0.0
    found, x = [], 0.0
    for place, (one, width) in enumerate(zip(phases, widths, strict=True)):
        found.append(Bar(one, x, width * fit, place in cut))
        x += width * fit
    return found


def _cut(phases: Sequence[Phase]) -> set[int]:
    """Return the places of those that are cut short: the longest, each of which all that is left is short against."""
    idle = sorted(
        (place for place, one in enumerate(phases) if one.kind is not Kind.RUNNING),
        key=lambda place: _seconds(phases[place]),
        reverse=True,
    )
    left = sum(map(_seconds, phases))
    most = 0
    for number, place in enumerate(idle, start=1):
        left -= _seconds(phases[place])
        if left > 0 and _seconds(phases[place]) > LONG * left:
            most = number
    return set(idle[:most])


def _seconds(phase: Phase) -> float:
    return phase.lasts.total_seconds()
