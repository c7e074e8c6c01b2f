"""What is said of a mongod that did not start. The log lines are those of mongod 6.0.5, shortened."""

from pathlib import Path

import pytest

from eventqueue.server.diagnosis import explain

FORKED = "about to fork child process, waiting until server is ready for connections.\nforked process: 7\n"
FAILED = "ERROR: child process failed, exited with 51\nTo see additional information in this output, start without …\n"

STARTING = '{"s":"I","c":"CONTROL","id":4615611,"msg":"MongoDB starting","attr":{"pid":%d}}\n'
TOO_LONG = '{"s":"E","msg":"std::exception in initAndListen, terminating","attr":{"error":"File name too long"}}\n'
NO_DIRECTORY = (
    '{"s":"E","msg":"Error setting up listener","attr":{"error":{"code":9001,"errmsg":"No such file or directory"}}}\n'
)
FULL = (
    '{"s":"E","c":"WT","msg":"WiredTiger error message","attr":{"error":28,"message":{"thread":"7:0x7f",'
    '"msg":"handle-write: pwrite: failed to write 4096 bytes","error_str":"No space left on device"}}}\n'
)
PANIC = '{"s":"F","c":"ASSERT","id":23090,"msg":"\\n\\n***aborting after fassert() failure\\n\\n"}\n'


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (TOO_LONG, "File name too long"),
        (NO_DIRECTORY, "No such file or directory"),
        (FULL + PANIC, "handle-write: pwrite: failed to write 4096 bytes: No space left on device"),
        (PANIC, "***aborting after fassert() failure"),
    ],
)
def test_the_first_error_in_the_log_is_quoted(tmp_path: Path, lines: str, reason: str) -> None:
    log = tmp_path / "mongod.log"
    log.write_text(STARTING % 7 + lines)
    assert explain(51, FORKED + FAILED, log) == f"mongod ended with code 51: {reason} (see {log})."


def test_errors_of_another_start_are_not_blamed(tmp_path: Path) -> None:
    log = tmp_path / "mongod.log"
    log.write_text(STARTING % 6 + FULL + "not json\n")
    assert "it said nothing" in explain(1, FORKED + FAILED, log)
    log.write_text(STARTING % 7 + FULL + STARTING % 6 + STARTING % 7)
    assert "it said nothing" in explain(1, FORKED + FAILED, log)


def test_a_mongod_that_was_killed_during_its_start_is_said_to_be(tmp_path: Path) -> None:
    assert "a signal ended it" in explain(51, FORKED + FAILED, tmp_path / "no.log")


def test_what_was_printed_is_quoted_where_nothing_was_logged(tmp_path: Path) -> None:
    printed = "Error parsing command line: unrecognised option '--x'\ntry 'mongod --help' for more information\n"
    assert "code 2: Error parsing command line: unrecognised option '--x' (see" in explain(2, printed, tmp_path / "log")


@pytest.mark.parametrize(
    ("library", "remedy"),
    [
        ("libcurl.so.4", "apt-get install libcurl4"),
        ("libcrypto.so.3", "OpenSSL 3"),
        ("libelse.so", "install the package"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(tmp_path: Path, library: str, remedy: str) -> None:
    printed = f"mongod: error while loading shared libraries: {library}: cannot open shared object file"
    said = explain(127, printed, tmp_path / "no.log")
    assert library in said
    assert remedy in said


def test_a_processor_without_avx_is_named() -> None:
    assert "AVX" in explain(-4, "", Path("/no.log"))
