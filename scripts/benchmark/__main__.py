"""`scripts/bench`: runs scenarios, and prints a JSON line for each."""

import sys
from collections.abc import Callable, Sequence
from statistics import median

import click
import msgspec

from scripts.benchmark import (
    audit,
    bulk,
    crowded,
    drain,
    enqueue,
    fill,
    latency,
    live,
    memory,
    mixed,
    pages,
    queues,
    rebuild,
    result,
    scale,
    sealing,
    shell,
    status,
    tasks,
    web,
)
from scripts.benchmark.asked import Asked
from scripts.benchmark.measure import Figures
from scripts.benchmark.profiling import Profiles
from scripts.benchmark.server import Place, server

SCENARIOS: dict[str, Callable[[Place, Asked], Figures]] = {
    "live": live.run,
    "rebuild": rebuild.run,
    "bulk": bulk.run,
    "drain": drain.run,
    "mixed": mixed.run,
    "enqueue": enqueue.run,
    "latency": latency.run,
    "result": result.run,
    "shell": shell.run,
    "tasks": tasks.run,
    "async": tasks.run_async,
    "crowded": crowded.run,
    "queues": queues.run,
    "fill": fill.run,
    "scale": scale.run,
    "memory": memory.run,
    "status": status.run,
    "audit": audit.run,
    "sealing": sealing.run,
    "web": web.run,
    "pages": pages.run,
}


ONCE = ("scale", "pages", "audit")  # they take minutes


@click.command()
@click.argument("scenarios", nargs=-1, type=click.Choice(list(SCENARIOS)))
@click.option("--jobs", type=click.IntRange(1), help="Jobs in a run; each scenario has a number of its own.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Where a scenario has workers.")
@click.option("--others", type=click.IntRange(2), help="Jobs that crowd the database in `crowded`.  [1000000]")
@click.option(
    "--into",
    metavar="URI",
    help="A server that `fill` fills, once; its database, fill, stays, for `audit`, too; so do those of `scale`.",
)
@click.option("--queues", "spread", type=click.IntRange(1), help="Queues in `fill`.  [6]")
@click.option("--tags", type=click.IntRange(1), help="Tags in `fill`.  [12]")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Runs, of which the median counts.")
@click.option("--profile", "is_profiled", is_flag=True, help="One run, and where its time goes, on stderr.")
def main(
    scenarios: Sequence[str],
    *,
    jobs: int | None,
    workers: int,
    others: int | None,
    into: str | None,
    spread: int | None,
    tags: int | None,
    runs: int,
    is_profiled: bool,
) -> None:
    """Measure scenarios (all, if none is named) and print a JSON line for each."""
    asked = Asked(jobs, workers, others, Profiles() if is_profiled else None, into, spread, tags, runs)
    for name in scenarios or SCENARIOS:
        figures = []
        for number in range(1 if is_profiled or into or name in ONCE else runs):
            print(f"{name}: run {number + 1} …", file=sys.stderr)
            with server() as place:
                figures.append(SCENARIOS[name](place, asked))
        print(msgspec.json.encode({"scenario": name, **_median(figures)}).decode(), flush=True)
    if asked.profiles is not None:
        asked.profiles.show()


def _median(runs: Sequence[Figures]) -> Figures:
    """Return each figure's median over the runs; a text is what it was in the first."""
    return {name: _of([run[name] for run in runs]) for name in runs[0]}


def _of(values: Sequence[object]) -> object:
    first = values[0]
    if isinstance(first, dict):
        return {name: _of([value[name] for value in values if isinstance(value, dict)]) for name in first}
    if isinstance(first, str | type(None)):
        return first
    found = median([value for value in values if isinstance(value, int | float)])
    return round(found) if abs(found) >= 1000 or found == round(found) else round(found, 3)


if __name__ == "__main__":
    main()
