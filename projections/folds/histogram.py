"""A histogram of durations whose buckets grow by a constant factor, so that its error is relative. Pure.

Histograms of the same shape are merged by adding their buckets. The idea is DDSketch's (Masson, Rim and Lee, 2019).
"""

import math
from collections.abc import Mapping

ERROR = 0.04  # at most, of a quantile: the issue of being exact to a twentieth, with room for rounding
_GAMMA = (1 + ERROR) / (1 - ERROR)
_LEAST_S = 0.001  # what is shorter is in bucket 0
_LOG = math.log(_GAMMA)

Histogram = Mapping[int, int]
"""Bucket -> how many durations fell into it."""


def bin_of(seconds: float) -> int:
    """Return the bucket of a duration: 0 up to a millisecond, then each is 8 % longer than the one before."""
    if seconds <= _LEAST_S:
        return 0
    return math.ceil(math.log(seconds / _LEAST_S) / _LOG)


def edge_of(bucket: int) -> float:
    """Return the longest duration, in seconds, that is in a bucket."""
    return float(_LEAST_S * _GAMMA**bucket)


def middle_of(bucket: int) -> float:
    """Return the duration, in seconds, from which none in the bucket is further than ERROR, as a part of it."""
    if bucket == 0:
        return _LEAST_S
    return float(_LEAST_S * 2 * _GAMMA**bucket / (_GAMMA + 1))


def quantile(histogram: Histogram, part: float) -> float | None:
    """Return the duration, in seconds, that `part` (0..1) of all are no longer than; None where there are none."""
    total = sum(histogram.values())
    rank = max(1, math.ceil(part * total))
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            return middle_of(bucket)
    return None
