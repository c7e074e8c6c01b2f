"""What a job writes, on the live screen: however it writes, the screen goes on, and shows it as a terminal would."""

import asyncio
from collections.abc import Sequence

from rich.text import Text
from textual.app import App, ComposeResult

from eventqueue.api.following import AttemptWrote
from eventqueue.cli.screen.job import _Output
from eventqueue.cli.screen.lines import KEPT, LONGEST, Lines

WIDE, HIGH = 40, 10


class OnePane(App[None]):
    """An application of lines alone."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = Lines("output")

    def compose(self) -> ComposeResult:
        yield self.lines


def shown(*pieces: bytes, narrower: int | None = None) -> list[str]:
    """What is seen, below the title, of pieces that a job wrote one after the other."""

    async def drawn() -> list[str]:
        app, output = OnePane(), _Output()
        async with app.run_test(size=(WIDE, HIGH)) as pilot:
            for piece in pieces:
                (part,) = output.parts(AttemptWrote("stdout", piece))
                app.lines.add(part.text, is_over=part.is_over)
            await pilot.pause()
            if narrower is not None:
                await pilot.resize_terminal(narrower, HIGH)
                await pilot.pause()
            return app.lines.render().plain.split("\n")[1:]

    return asyncio.run(drawn())


def test_a_bar_of_progress_moves_where_it_stands() -> None:
    assert shown(b"begun\n10%", b"\r20%", b"\r30%") == ["begun", "30%"]
    assert shown(b"10%", b"\r20%\ndone", b"\n") == ["20%", "done"]


def test_a_line_that_never_ends_is_cut_and_no_longer_than_the_others() -> None:
    held: list[Sequence[Text]] = []

    async def grown() -> None:
        app = OnePane()
        async with app.run_test(size=(WIDE, HIGH)):
            for _ in range(20):
                app.lines.add(Text("x" * LONGEST))
            app.lines.add(Text("y" * (3 * LONGEST)))
            held.append([*app.lines._lines])

    asyncio.run(grown())

    assert sum(len(one) for one in held[0]) == 23 * LONGEST
    assert max(len(one) for one in held[0]) <= LONGEST
    assert len(held[0]) <= KEPT


def test_lines_are_wrapped_anew_in_another_width() -> None:
    assert shown(b"x" * WIDE) == ["x" * WIDE]
    assert shown(b"x" * WIDE, narrower=WIDE // 2) == ["x" * (WIDE // 2)] * 2


def test_a_colour_of_thousands_of_digits_is_shown_as_what_it_is() -> None:
    seen = shown(b"\x1b[" + b"9" * 5_000 + b"mhello\n", b"and on\n")

    assert seen[-1] == "and on"
    assert seen[-2].endswith("mhello")


def test_what_is_not_kept_of_an_output_is_told_before_what_is() -> None:
    lost, kept = _Output().parts(AttemptWrote("stderr", b"on\n", lost=1024))

    assert (lost.text.plain, lost.is_line) == ("stderr: what came before this, 1,024 bytes, is not kept", True)
    assert kept.text.plain.startswith("on")
