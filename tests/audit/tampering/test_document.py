"""docs/tampering.md says of each kind what the suite shows of it."""

from tests.audit.tampering.document import table, told


def test_the_document_lists_exactly_the_kinds_with_what_finds_them_and_its_words() -> None:
    assert told().split("\n") == [*table().split("\n"), ""]
