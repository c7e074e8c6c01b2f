"""Progress bars on stderr, where somebody looks at it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, total: int | None, *, hidden: bool, unit: str | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar if stderr is a terminal; yields what to call with the number done since.

    `unit`: what is counted; given where there are so many of them that their rate is worth showing.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

    from eventqueue.cli.render.console import console

    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    if unit is not None:
        columns.append(TextColumn("{task.fields[rate]}"))
    columns.append(TimeRemainingColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=total, rate=unit)

        def advance(number: int) -> None:
            # No rate is known before the second step: rich has None then.
            speed, done = bar.tasks[task].speed, bar.tasks[task].completed + number
            # Who looks at slices tells about how many: no more than there are.
            bar.update(
                task,
                completed=done if total is None else min(done, total),
                rate=unit if speed is None else f"{unit}, {speed:,.0f}/s",
            )

        yield advance


@contextmanager
def counting(what: str, total: int | None, *, hidden: bool, unit: str) -> Iterator[Callable[[int], None]]:
    """As `progress`; yields what to call with the number done so far."""
    seen = 0
    with progress(what, total, hidden=hidden, unit=unit) as advance:

        def tell(done: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        yield tell
