"""The documents: what they link to is there, each decision has its four parts, and the rooms are those of the tests."""

import re
from pathlib import Path

import pytest

from tests.pure.test_architecture import ROOMS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
OURS = "eventqueue", "projections", "tests", "scripts"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PARTS = ["What.", "Why.", "Measured.", "What would change our mind."]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_what_a_document_links_to_is_there(document: Path) -> None:
    linked = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())

    assert [target for target in linked if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=name_of)
def test_a_decision_says_what_and_why_what_was_measured_and_what_would_change_it(decision: Path) -> None:
    text = decision.read_text()

    assert text.startswith("# ")
    assert re.findall(r"^\*\*([^*]+)\*\*", text, re.MULTILINE) == PARTS


def test_each_decision_is_in_the_index_under_its_title() -> None:
    index = dict(re.findall(r"- \[(.+)\]\(docs/decisions/(.+)\)", (ROOT / "ARCHITECTURE.md").read_text()))

    assert len(DECISIONS) > 40
    assert index == {one.read_text().partition("\n")[0].removeprefix("# "): one.name for one in DECISIONS}


def test_the_rooms_are_told_in_the_order_in_which_they_stand() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("| room | holds |")[2].partition("\n\n")[0]
    told = [
        one.removeprefix("eventqueue/").removesuffix("/") for one in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    ]

    standing = [room.removeprefix("eventqueue.").replace(".", "/") for room in ROOMS]
    assert told == [one + ".py" if (ROOT / find(one)).suffix == ".py" else one for one in outer(standing)]


def outer(rooms: list[str]) -> list[str]:
    """The rooms that are in none of the others: the table tells of the inner ones with theirs."""
    return [one for one in rooms if not any(one.startswith(f"{other}/") for other in rooms)]


def find(room: str) -> str:
    place = room if room.startswith("projections/") else f"eventqueue/{room}"
    return place if (ROOT / place).is_dir() else f"{place}.py"


def test_every_path_in_the_documents_is_one_of_this_repository() -> None:
    known = [str(path.relative_to(ROOT)) for room in OURS for path in (ROOT / room).rglob("*.py")]
    named = {path for document in DOCUMENTS for path in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", document.read_text())}

    assert {path for path in named if not any(f"/{one}".endswith(f"/{path}") for one in known)} == set()
