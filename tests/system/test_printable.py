"""What others wrote is shown without steering a terminal, and a JSON text means the same after it."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.system.printable import OutputFlow, clean, clean_json, clean_lines, clean_output
from tests.cli.hostile import HOSTILE

SGR = re.compile(r"\x1b\[[0-9;:]*m")
ANY = st.text() | st.text(alphabet="\x1b[]0123456789;:mKJ\x07\x9b\u202e\n\t\r a")


JSON = st.recursive(st.text() | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one))


@given(ANY)
def test_what_is_cleaned_prints_on_one_line(text: str) -> None:
    assert clean(text).isprintable()


@given(ANY)
def test_cleaned_lines_print_and_stay_apart(text: str) -> None:
    lines = clean_lines(text).split("\n")
    assert len(lines) == text.count("\n") + 1
    assert all(map(str.isprintable, lines))


@given(ANY)
def test_cleaned_output_holds_no_control_but_line_ends_tabs_and_colours(text: str) -> None:
    rest = SGR.sub("", clean_output(text)).replace("\n", "").replace("\t", "")
    assert rest.isprintable()


@given(JSON)
def test_a_cleaned_json_text_prints_and_means_the_same(value: object) -> None:
    for indent in (None, 2):
        cleaned = clean_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(cleaned) == value
        assert cleaned.replace("\n", "").isprintable()


def test_a_character_beyond_16_bits_is_a_pair_in_json() -> None:
    assert clean_json('"\U000e0001"') == '"\\udb40\\udc01"'
    assert json.loads(clean_json('"\U000e0001"')) == "\U000e0001"


@pytest.mark.parametrize("char", [*HOSTILE])
def test_each_hostile_character_is_named(char: str) -> None:
    assert char.isprintable() or clean(char).startswith("\\")


def test_colours_of_an_output_stay_and_end_with_it() -> None:
    assert clean_output("\x1b[31mred\x1b[2J\r\nnext\tone") == "\x1b[31mred\\x1b[2J\nnext\tone\x1b[0m"
    assert clean_output("plain\n") == "plain\n"


@given(ANY, st.lists(st.integers(0, 200), max_size=5))
def test_what_comes_in_pieces_is_shown_as_if_it_had_come_at_once(text: str, cuts: list[int]) -> None:
    data = text.encode(errors="surrogatepass")
    whole = clean_output(data.decode(errors="backslashreplace"), overwrites=True)
    flow = OutputFlow()
    places = [0, *sorted(cuts), len(data)]

    shown = "".join(flow.feed(data[begin:end]) for begin, end in pairwise(places))
    shown += flow.feed(b"", is_end=True)

    assert SGR.sub("", shown) == SGR.sub("", whole)


@given(ANY)
def test_of_what_overwrites_nothing_but_line_ends_tabs_and_colours_is_let_through(text: str) -> None:
    rest = SGR.sub("", clean_output(text, overwrites=True))

    assert re.sub("[\n\t\r]", "", rest).isprintable()


def test_a_bar_of_progress_moves_where_it_is_seen_and_is_evidence_where_it_is_kept() -> None:
    flow = OutputFlow()

    assert flow.feed(b"10%\r") + flow.feed(b"20%\r") + flow.feed(b"done\r\n") == "10%\r20%\rdone\n"
    assert clean_output("10%\r20%\n") == "10%\\r20%\n"


def test_a_colour_goes_on_in_the_next_piece_and_never_beyond_one() -> None:
    flow = OutputFlow()

    assert flow.feed(b"\x1b[31mred") == "\x1b[31mred\x1b[0m"
    assert flow.feed(b" still \x1b[0") == "\x1b[31m red"[:5] + " still \x1b[0m"
    assert flow.feed(b"mplain") == "\x1b[31m\x1b[0mplain\x1b[0m"
    assert flow.feed(b"plain") == "plain"


def test_what_never_ends_is_not_held_back_for_ever() -> None:
    assert OutputFlow().feed(b"\x1b[" + b"0" * 100) == "\\x1b[" + "0" * 100
