"""The tour that README makes: its commands, in their order, print on a terminal what it shows."""

import re
import sys
from functools import reduce
from pathlib import Path

from tests.cli.terminals import OWN, shown_by
from tests.examples.test_examples import README, environ
from tests.patience import PATIENCE_S

__all__ = ["environ"]

READY = "/tmp/ready"
# What is another one each time, in this order.
VARIES = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}": "ID",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "TIME",
    r"worker/\S+": "worker/HOST:ID",
    r"cli/\S+": "cli/USER@HOST",
    r"on \S+ \(pid \d+\)": "on HOST",
    r"less than 1 ms|\b\d+(\.\d+)? ?(ms|s|m|min)\b( \d+ s\b)?": "SPAN",
    r"Worker \d": "Worker N",
}


def steps() -> list[tuple[str, list[str]]]:
    """Each command of the tour, and the lines that are shown of what it prints."""
    tour = README.read_text().partition("## A tour\n")[2].partition("\n## ")[0]
    shown = [line.removeprefix("    ") for line in tour.splitlines() if line.startswith("    ")]
    found: list[tuple[str, list[str]]] = []
    for line in shown:
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


def same_each_time(lines: list[str]) -> list[str]:
    """Return what two runs have in common: of workers neither who was first, nor whether they had to wait."""
    kept = []
    for line in lines:
        told = reduce(lambda text, one: re.sub(one[0], one[1], text), VARIES.items(), line)
        if told.strip() and not re.search("━|nothing runs now", told):
            kept.append(" ".join(told.split()))
    return sorted(kept) if any("executing" in line for line in kept) else kept


def test_each_command_of_the_tour_shows_what_readme_says(tmp_path: Path, environ: dict[str, str]) -> None:
    export, *rest = steps()
    assert export == ("export QUEUECTL_DB=tour", [])  # the test has a database of its own already
    places = f"{Path(sys.executable).parent}:{environ['PATH']}"
    around = {**environ, "PATH": places, "TERM": "xterm", "QUEUECTL_PAGER": "", "XDG_STATE_HOME": str(tmp_path)}

    for command, lines in rest:
        printed = shown_by(
            ["bash", "-c", f"cd {tmp_path}; {command}".replace(READY, "ready")], around, PATIENCE_S, columns=250
        )

        shown = OWN.sub(lambda own: "\n" if own[0] == "\n" else "", printed).split("\n")
        assert same_each_time(shown) == same_each_time([line.replace(READY, "ready") for line in lines]), command
