"""The man page: it says what the commands' helps say, and is installed where `man` looks for it."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.cli import manual
from tests.cli.test_entry_point import ALL

ROOT = Path(__file__).parents[2]


def test_the_man_page_is_of_these_commands() -> None:
    assert manual.PLACE.read_text() == manual.page(), "`python -m tests.cli.manual` renews it"


def test_each_command_is_in_it() -> None:
    page = manual.page()

    headings = [line for line in page.splitlines() if line.startswith(".SS")]
    missing = [words for words in ALL if f'"queuectl {" ".join(words)} '.replace("-", r"\-") not in "".join(headings)]
    assert missing == []


def test_no_line_of_a_text_is_taken_for_a_request_of_groffs() -> None:
    known = (".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE")

    assert all(line.startswith(known) for line in manual.page().splitlines() if line[:1] in (".", "'"))


def test_a_wheel_brings_it_to_where_man_looks(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)

    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as found:
        (name,) = [one for one in found.namelist() if one.endswith(".data/data/share/man/man1/queuectl.1")]
        assert found.read(name).decode() == manual.page()
