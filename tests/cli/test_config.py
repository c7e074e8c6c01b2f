"""`queuectl config`."""

import pytest

from eventqueue.model.settings import SETTINGS
from tests.cli.commands import Queuectl, is_one_sentence


def test_list_shows_every_value_and_where_it_comes_from(queuectl: Queuectl) -> None:
    queuectl.ok("config", "set", "backoff-base", "3")

    found = queuectl.with_environ(QUEUECTL_TIMEOUT="60").process("config", "list", "--json").json

    assert found["max-retries"] == {"value": 3, "source": "built-in"}
    assert found["backoff-base"] == {"value": 3.0, "source": "stored"}
    assert found["timeout"] == {"value": 60.0, "source": "environment"}


def test_list_says_what_a_setting_is_for(shared: Queuectl) -> None:
    assert "how often a failed job is tried again" in shared.ok("config", "list").out


def test_a_value_that_is_set_is_the_default_from_then_on(queuectl: Queuectl) -> None:
    ran = queuectl.process("config", "set", "max-retries", "9")

    assert (ran.code, ran.out) == (0, "✔ max-retries is 9 (stored)\n")
    assert queuectl.process("config", "get", "max-retries").out == "9\n"
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    assert queuectl.ok("show", "one", "--json").json["max_retries"] == 9


def test_unset_brings_the_built_in_value_back(queuectl: Queuectl) -> None:
    queuectl.ok("config", "set", "max-retries", "9")

    ran = queuectl.process("config", "unset", "max-retries")

    assert (ran.code, ran.out) == (0, "✔ max-retries is 3 (built-in)\n")


def test_what_is_shown_as_none_can_be_set_so(queuectl: Queuectl) -> None:
    queuectl.ok("config", "set", "timeout", "60")

    queuectl.ok("config", "set", "timeout", "none")

    assert queuectl.ok("config", "get", "timeout").out == "none\n"
    assert queuectl.ok("config", "get", "timeout", "--json").json["value"] is None


def test_get_as_json_tells_the_source(queuectl: Queuectl) -> None:
    assert queuectl.ok("config", "get", "grace", "--json").json == {
        "name": "grace",
        "value": 30.0,
        "source": "built-in",
    }
    assert queuectl.ok("config", "set", "grace", "5", "--json").json["source"] == "stored"


def test_what_the_environment_overrides_is_told(queuectl: Queuectl) -> None:
    ran = queuectl.with_environ(QUEUECTL_MAX_RETRIES="1").ok("config", "set", "max-retries", "9")

    assert ran.out == "✔ max-retries is 1 (environment)\n"
    assert "QUEUECTL_MAX_RETRIES" in ran.err


@pytest.mark.parametrize(
    "args",
    [
        *(("set", "max-retries", "-1"), ("set", "max-retries", "many"), ("set", "max-retries", "1.5")),
        *(("set", "grace", "nan"), ("set", "lease", "0"), ("set", "queue", '{"$gt": ""}'), ("set", "queue", "")),
        *(("set", "fatal-exit-codes", "256"), ("set", "fatal-exit-codes", "1,999")),
        *(("set", "no-such-setting", "1"), ("get", "no-such-setting"), ("unset", "no-such-setting")),
        *(("set", "queue", "\udcff"), ("get", "\udcff"), ("set", "max-retries", "9" * 5000)),
    ],
)
def test_a_bad_setting_is_refused(shared: Queuectl, args: tuple[str, ...]) -> None:
    ran = shared.here("config", *args)

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert shared.ok("config", "get", "max-retries", "--json").json["source"] == "built-in"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("max-retries", "abc", "expected a whole number, got 'abc'"),
        ("output-retention", "2147483648", "expected a number <= 2147483647, got '2147483648'"),
        ("lease", "1", "expected a number >= 5, got '1'"),
        ("timeout", "long", "expected seconds, or such as 10m, 1h30m or 2d, or none, got 'long'"),
        (
            "queue",
            "a b",
            "may hold letters, digits and . _ : - only, 1 to 128 of them, and may not begin with -, got 'a b'",
        ),
        (
            "fatal-exit-codes",
            "1;2",
            "expected exit codes with commas between them, such as 126,127, or none, got '1;2'",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_words_wherever_it_comes_from(
    shared: Queuectl, name: str, value: str, told: str
) -> None:
    variable = f"QUEUECTL_{name.upper().replace('-', '_')}"

    assert shared.here("config", "set", name, value).err == f"✘ {name}: {told}: see `queuectl config set --help`.\n"
    if not SETTINGS[name].is_shared:
        assert shared.with_environ(**{variable: value}).here("status").err == f"✘ {variable}: {told}\n"


def test_an_empty_variable_is_as_none(shared: Queuectl) -> None:
    found = shared.with_environ(QUEUECTL_MAX_RETRIES="").ok("config", "get", "max-retries", "--json").json

    assert (found["value"], found["source"]) == (3, "built-in")


def test_a_setting_that_is_a_duration_is_typed_as_any_other(queuectl: Queuectl) -> None:
    durations = {name for name, one in SETTINGS.items() if "seconds" in one.help and name != "backoff-base"}

    for name in durations:
        stored = queuectl.ok("config", "set", name, "1h30m", "--json").json
        assert (name, stored["value"]) == (name, 5400.0)
    timed = queuectl.with_environ(QUEUECTL_GRACE="2m")
    assert timed.ok("config", "get", "grace", "--json").json["value"] == 120.0
    assert queuectl.here("config", "set", "concurrency", "10m").code == 2


def test_a_setting_may_be_typed_with_underscores_and_is_written_with_dashes(queuectl: Queuectl) -> None:
    stored = queuectl.ok("config", "set", "max_retries", "7", "--json").json

    assert stored == {"name": "max-retries", "value": 7, "source": "stored"}
    assert queuectl.ok("config", "get", "max_retries", "--json").json == stored
    assert queuectl.ok("config", "unset", "max_retries").out.startswith("✔ max-retries is 3")


@pytest.mark.parametrize("args", [("get",), ("set", "1"), ("unset",)])
def test_a_misspelt_setting_is_told_which_one_may_be_meant(shared: Queuectl, args: tuple[str, ...]) -> None:
    ran = shared.here("config", args[0], "max_retrys", *args[1:])

    assert ran.err.startswith("✘ max_retrys: is no setting (is max-retries meant?); the settings are queue, ")


def test_what_the_database_obeys_cannot_be_otherwise_for_one_process(shared: Queuectl) -> None:
    ran = shared.with_environ(QUEUECTL_OUTPUT_RETENTION="0").here("config", "list")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "`queuectl config set output-retention`" in ran.err


def test_a_bad_value_in_the_environment_is_refused_by_its_variable(shared: Queuectl) -> None:
    ran = shared.with_environ(QUEUECTL_GRACE="long").here("status")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "QUEUECTL_GRACE" in ran.err
