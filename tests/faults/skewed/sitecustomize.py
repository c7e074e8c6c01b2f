"""Puts the wall clock of whatever Python has this folder on its path SKEW_S seconds off; monotonic clocks stay right.

Python imports it by its name before the program. The type's own dictionary is changed, and not a subclass put in its
place, since compiled modules know `datetime` by its type.
"""

import ctypes
import datetime
import gc
import os
import time

SKEW_S = float(os.environ["SKEW_S"])

_time, _now = time.time, datetime.datetime.now


def _skewed_now(_type: object, tz: datetime.tzinfo | None = None) -> datetime.datetime:
    return _now(tz) + datetime.timedelta(seconds=SKEW_S)


time.time = lambda: _time() + SKEW_S
time.time_ns = lambda: round(time.time() * 1e9)
gc.get_referents(datetime.datetime.__dict__)[0]["now"] = classmethod(_skewed_now)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
