"""The projections that this process knows: a new one is a file, and a line here."""

from collections.abc import Sequence

from projections.projection import Projection
from projections.stats import Stats

PROJECTIONS: Sequence[Projection] = (Stats(),)
