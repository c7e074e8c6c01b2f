"""What others wrote for the browser is as they published it, and says under what licence."""

import hashlib
from pathlib import Path

import pytest

import eventqueue.web

VENDOR = Path(eventqueue.web.__file__).parent / "static" / "vendor"
ROWS = [
    [cell.strip(" `") for cell in line.split("|")[1:-1]]
    for line in (VENDOR / "README.md").read_text().splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_vendored_file_is_as_it_was_published_and_its_licence_lies_beside_it(row: list[str]) -> None:
    name, package, *_, sha256 = row

    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == sha256
    assert "Permission" in (licence := (VENDOR / f"{package}.LICENSE").read_text()) or "Apache License" in licence


def test_each_vendored_file_is_named_there() -> None:
    assert {one.name for one in VENDOR.iterdir() if one.suffix in (".js", ".css")} == {row[0] for row in ROWS}
