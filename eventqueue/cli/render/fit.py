"""How wide columns are where there is so much room for all of them: one rule for tables and for the live screen. Pure.

Columns go by rank as long as those that stay have not what each needs at least; then texts share what room is left.
"""

from collections.abc import Sequence

import msgspec

GAP = "  "
USUAL = 60  # characters of a text that others stand behind
LOOSE_LEAST = 9  # characters that a text has in the narrowest terminal
RIGID_LEAST = 8  # characters that any column has where nothing else helps


class Need(msgspec.Struct, frozen=True):
    """What a column needs: `width` shows all that is in it, and with `least` characters it may stay, if it is cut.

    `least`: None where it is not cut. Those of the highest rank go first, of rank 0 none does. `is_below`: it stands
    below its row, and takes no room in it.
    """

    width: int
    least: int | None = None
    rank: int = 0
    is_below: bool = False


def together(widths: Sequence[int]) -> int:
    """Return how wide columns of these widths are side by side."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def missing(needs: Sequence[Need], room: int) -> int:
    """Return how many characters more these columns need at least."""
    return together([_least(one) for one in needs if not one.is_below]) - room


def kept(needs: Sequence[Need], room: int) -> Sequence[int]:
    """Return the places of the columns for which there is room, in their order."""
    left = list(range(len(needs)))
    while len(left) > 1 and missing([needs[place] for place in left], room) > 0:
        last = max(left, key=lambda place: (needs[place].rank, place))
        if not needs[last].rank:
            break
        left.remove(last)
    return left


def fit(needs: Sequence[Need], room: int, *, is_strict: bool) -> list[int]:
    """Return how wide each column is; `is_strict`: also those are cut that else are not, if nothing else helps."""
    widths = [one.width for one in needs]
    loose = [place for place, one in enumerate(needs) if one.least is not None]
    for place in loose[:-1] if loose and loose[-1] == len(needs) - 1 else loose:
        # Of what others stand behind no more than is usual: on a wide terminal nobody could follow the row.
        widths[place] = min(widths[place], USUAL)
    left = room - together([width for place, width in enumerate(widths) if place not in loose]) - len(GAP) * len(loose)
    # Who wants little leaves the rest to the others, wherever it stands; none takes what another needs at least.
    coming = sorted(loose, key=lambda place: widths[place])
    while coming:
        place = coming.pop(0)
        free = left - sum(min(widths[one], needs[one].least or 0) for one in coming)
        share = max(left // (len(coming) + 1), needs[place].least or 0)
        widths[place] = min(widths[place], max(min(share, free), LOOSE_LEAST))
        left -= widths[place]
    while is_strict and together(widths) > room and max(widths) > RIGID_LEAST:
        widest = widths.index(max(widths))
        widths[widest] = max(RIGID_LEAST, widths[widest] - (together(widths) - room))
    return widths


def _least(one: Need) -> int:
    return one.width if one.least is None else min(one.width, one.least)
