"""What the command line asks of a scenario."""

import msgspec

from scripts.benchmark.profiling import Profiles


class Asked(msgspec.Struct, frozen=True):
    """One run's size; `jobs` and `others` None: what the scenario has by itself."""

    jobs: int | None = None
    workers: int = 2
    others: int | None = None
    profiles: Profiles | None = None
    into: str | None = None
    queues: int | None = None
    tags: int | None = None
    runs: int = 3  # where a scenario sees to that itself
