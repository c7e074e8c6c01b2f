"""Where the time goes in a Python process: every thread's functions, by processor time.

As a program it runs a script so: `python -m scripts.benchmark.profiling DUMP SCRIPT ARGUMENT…`.
"""

import cProfile
import pstats
import sys
import threading
import time
from pathlib import Path

SHOWN = 25  # functions


class Profiles:
    """The profiles of a run's processes."""

    def __init__(self) -> None:
        self._found: list[tuple[str, pstats.Stats]] = []

    def add(self, name: str, dump: Path) -> None:
        """Keep what a process called `name` has dumped."""
        self._found.append((name, pstats.Stats(str(dump), stream=sys.stderr)))

    def show(self) -> None:
        """Print the functions that took longest, process by process, on stderr."""
        for name, stats in self._found:
            print(f"\n{name}", file=sys.stderr)
            stats.strip_dirs().sort_stats("tottime").print_stats(SHOWN)


class _Profile(cProfile.Profile):
    """One thread's profile, by its own processor time."""

    def __init__(self) -> None:
        super().__init__(time.thread_time)

    def create_stats(self) -> None:
        """Take what is there. Not disabled first: calls that a thread is still in would be timed by another's clock."""
        self.snapshot_stats()


def main() -> None:
    """Run a script with all its threads under the profiler, and dump what was found when it ends."""
    dump, script = sys.argv[1], sys.argv[2]
    sys.argv = ["-c", *sys.argv[3:]]
    profiles: list[_Profile] = []
    run = threading.Thread.run

    def profiled(thread: threading.Thread) -> None:
        profile = _Profile()
        profiles.append(profile)
        profile.runcall(run, thread)

    threading.Thread.run = profiled  # type: ignore[assignment, method-assign]  # each thread has a profiler of its own
    main_thread = _Profile()
    profiles.append(main_thread)
    try:
        main_thread.runcall(exec, compile(script, "script", "exec"), {"__name__": "__main__"})
    finally:
        found = [profile for profile in profiles if profile.getstats()]
        stats = pstats.Stats(found[0])
        for other in found[1:]:
            stats.add(other)
        stats.dump_stats(dump)


if __name__ == "__main__":
    main()
