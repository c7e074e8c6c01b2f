"""What a job wrote, as a page shows it: its colours as classes, bars of progress as they were last, and no markup."""

from eventqueue.web.drawing.written import SHOWN_BYTES, Piece, pieces


def text(data: bytes) -> str:
    return "".join(one.text for one in pieces(data, is_cut=False))


def test_colours_and_weights_are_classes() -> None:
    assert pieces(b"a \x1b[1;31mred\x1b[0m b \x1b[38;5;9mx\x1b[92mgreen\x1b[39m.", is_cut=False) == [
        Piece("a ", ""),
        Piece("red", "bold c1"),
        Piece(" b ", ""),
        Piece("x", ""),
        Piece("green", "c2"),
        Piece(".", ""),
    ]


def test_of_a_bar_of_progress_its_last_state_is_shown() -> None:
    assert text(b"begins\r\n10 %\r50 %\r100 %\nends\r") == "begins\n100 %\nends"


def test_whatever_a_line_is_made_of_it_costs_no_more_than_its_length() -> None:
    for _ in range(50):  # of which each took many seconds, and all threads of the process waited for it
        assert text(b"\r" * SHOWN_BYTES) == ""
        assert text(b"1\r\r" * 5000 + b"2\r") == "2"
        assert text(b"x" * SHOWN_BYTES) == "x" * SHOWN_BYTES


def test_what_steers_a_terminal_and_what_is_no_text_is_shown_as_its_escape() -> None:
    assert text(b"\x1b[2J\xff\x07\xe2\x80\xae") == r"\x1b[2J\xff\x07\u202e"


def test_a_colour_that_there_is_not_changes_nothing() -> None:
    assert text(b"\x1b[" + b"9" * 30 + b"mafter\x1b[;;m") == "after"


def test_the_end_is_shown_and_begins_with_a_whole_character() -> None:
    assert text("é".encode() * SHOWN_BYTES)[-5:] == "ééééé"
    assert "\\x" not in text(b"x" + "é".encode() * SHOWN_BYTES)
    for end in (b"x", b"xx", b"xxx"):  # of four bytes one, two or three are cut off
        assert "\\x" not in text("😀".encode() * SHOWN_BYTES + end)
    assert len(text("é".encode() * SHOWN_BYTES)) <= SHOWN_BYTES
