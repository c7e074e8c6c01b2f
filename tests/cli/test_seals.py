"""`queuectl audit seal`, `seals`, `prove`, `check-proof` and `key`, through the real entry point."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tests.cli.commands import Queuectl, is_one_sentence
from tests.limits import no_file_beyond


@pytest.fixture
def sealed(queuectl: Queuectl) -> Queuectl:
    """A log with a job and a seal."""
    queuectl.ok("enqueue", '{"id": "report", "command": "true"}')
    queuectl.ok("audit", "seal")
    return queuectl


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "seals.jsonl"


@pytest.fixture
def key(sealed: Queuectl, tmp_path: Path) -> tuple[str, str]:
    """A key's file, and the public key."""
    path = str(tmp_path / "seal.key")
    return path, sealed.ok("audit", "key", path, "--json").json["public"]


def nowhere(queuectl: Queuectl) -> Queuectl:
    """The command where there is no database: what connects to one fails."""
    return queuectl.with_environ(QUEUECTL_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100")


def test_a_seal_says_what_it_has_sealed(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", '{"id": "report", "command": "true"}')

    ran = queuectl.ok("audit", "seal")

    assert ran.out.startswith("✔ Seal 1: 1 event, 1 leaf, root ")
    assert len(ran.out.split()[-1]) == 64


def test_a_key_for_which_there_is_no_room_is_not_there_by_half(queuectl: Queuectl, tmp_path: Path) -> None:
    path = str(tmp_path / "seal.key")

    with no_file_beyond(50):
        ran = queuectl.here("audit", "key", path)

    assert (ran.code, ran.err) == (1, f"✘ The key cannot be kept in {path!r}: File too large.\n")
    queuectl.ok("audit", "key", path)


def test_as_json_it_is_what_is_kept(queuectl: Queuectl, file: Path) -> None:
    queuectl.ok("enqueue", '{"id": "report", "command": "true"}')

    document = queuectl.ok("audit", "seal", "--export", str(file), "--json").json

    assert sorted(document) == ["exported", "last", "made"]
    assert document["made"] == [document["last"]] == [json.loads(file.read_bytes())]
    assert document["exported"] == 1
    assert sorted(document["last"]) == [
        *("at", "events", "hash", "key", "log", "looked", "number", "previous", "root", "signature", "size", "until")
    ]


def test_where_nothing_has_changed_none_is_made(sealed: Queuectl, queuectl: Queuectl) -> None:
    ran = sealed.ok("audit", "seal")

    assert (ran.out, ran.err) == ("", "! Nothing has changed since seal 1.\n")
    assert sealed.ok("audit", "seal", "--json").json["made"] == []


def test_a_log_without_events_has_nothing_to_seal(queuectl: Queuectl) -> None:
    assert queuectl.ok("audit", "seal").err == "! There is nothing to seal.\n"
    assert queuectl.ok("audit", "seals").err.startswith("! No seal was made yet")
    assert queuectl.ok("audit", "seals", "--json").json == []


def test_seals_are_listed(sealed: Queuectl) -> None:
    sealed.ok("cancel", "report")
    sealed.ok("audit", "seal")

    titles, first, second = sealed.ok("audit", "seals").out.splitlines()

    assert titles.split() == ["NUMBER", "AT", "SIZE", "EVENTS", "ROOT", "SIGNED", "BY"]
    assert (first.split()[0], second.split()[0]) == ("1", "2")
    assert [one["events"] for one in sealed.ok("audit", "seals", "--json").json] == [1, 2]


def test_a_file_of_seals_is_added_to(sealed: Queuectl, file: Path) -> None:
    assert "✔ 1 seal added to " in sealed.ok("audit", "seal", "--export", str(file)).out
    sealed.ok("cancel", "report")

    ran = sealed.ok("audit", "seal", "--export", str(file), "--json")

    assert ran.json["exported"] == 1
    assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == [1, 2]


def test_a_file_that_is_cut_in_the_middle_is_one_sentence(sealed: Queuectl, file: Path) -> None:
    sealed.ok("audit", "seal", "--export", str(file))
    file.write_bytes(file.read_bytes()[:-100])

    ran = sealed.here("audit", "seal", "--export", str(file))

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "The last line of" in ran.err


def test_each_new_seal_is_handed_to_a_command_and_else_the_last(sealed: Queuectl, file: Path) -> None:
    publish = f"cat >> {file}; echo told"
    sealed.ok("cancel", "report")

    ran = sealed.process("audit", "seal", "--publish", publish, "--json")
    assert json.loads(ran.out)["made"] == [json.loads(file.read_bytes())]
    assert "told" in ran.err

    sealed.process("audit", "seal", "--publish", publish)
    assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == [2, 2]


def test_a_command_that_fails_is_told(sealed: Queuectl) -> None:
    ran = sealed.here("audit", "seal", "--publish", "exit 3")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "Seal 1 was made, and not published: the command ended with 3." in ran.err


def test_seals_are_signed_with_the_key_that_is_given_or_that_the_environment_names(
    sealed: Queuectl, key: tuple[str, str]
) -> None:
    path, public = key
    sealed.ok("cancel", "report")
    assert sealed.ok("audit", "seal", "--key", path, "--json").json["last"]["key"] == public
    sealed.ok("enqueue", "--", "true")

    named = sealed.with_environ(QUEUECTL_SEAL_KEY=path)

    assert named.ok("audit", "seal", "--json").json["last"]["key"] == public
    assert public[:16] in sealed.ok("audit", "seals").out


def test_seals_are_held_against_the_key_that_signs_them(
    sealed: Queuectl, key: tuple[str, str], tmp_path: Path, database: Database[dict[str, Any]]
) -> None:
    path, public = key
    sealed.ok("cancel", "report")
    sealed.ok("audit", "seal", "--key", path)
    sealed.ok("projections", "rebuild")
    kept = tmp_path / "seal.pub"
    kept.write_text(public)
    for given in (public, str(kept)):
        assert "! Held against the key that signed seal 2" in sealed.ok("audit", "verify", "--all", "--key", given).err

    database["events"].update_many({"_id.stream": "seal-log"}, {"$set": {"data.signature": None}})

    ran = sealed.here("audit", "verify", "--all", "--key", public)
    assert ran.code == 1
    assert "no seal of the log is signed with this key" in ran.out
    assert sealed.here("audit", "verify", "report", "--key", public).code == 2


def test_as_signed_is_listed_what_was_found_to_be(
    sealed: Queuectl, key: tuple[str, str], database: Database[dict[str, Any]]
) -> None:
    path, public = key
    sealed.ok("cancel", "report")
    sealed.ok("audit", "seal", "--key", path)
    signed = {"_id": {"stream": "seal-log", "version": 2}}
    database["events"].update_one(signed, {"$set": {"data.signature": bytes(64)}})

    for words in ((), ("--json",)):
        ran = sealed.here("audit", "seals", *words)
        assert ran.code == 1
        assert "Not signed by the key that it names: 1 seal, the first of them seal 2." in ran.err
    assert f"not by {public[:16]}" in sealed.here("audit", "seals").out


def test_a_key_that_others_can_read_signs_nothing(sealed: Queuectl, key: tuple[str, str]) -> None:
    path, _ = key
    os.chmod(path, 0o644)

    ran = sealed.here("audit", "seal", "--key", path)

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "chmod 600" in ran.err


def test_a_proof_is_checked_without_a_database(sealed: Queuectl, key: tuple[str, str], file: Path) -> None:
    sealed.ok("cancel", "report")
    sealed.ok("audit", "seal", "--key", key[0], "--export", str(file))
    proof = sealed.ok("audit", "prove", "report", "--seal", "2").out

    alone = nowhere(sealed)
    ran = alone.process("audit", "check-proof", "-", "--key", key[1], "--seal", str(file), stdin=proof.encode())
    assert (ran.code, ran.out) == (0, "✔ The proof holds: job-report stood at version 2 in seal 2\n"), ran.err

    ran = alone.process("audit", "check-proof", "-", stdin=proof.encode())
    assert ran.code == 0
    assert "Whether its seal is a true one is not looked at" in ran.err


def test_a_proof_between_seals_is_checked_too(sealed: Queuectl, tmp_path: Path, file: Path) -> None:
    sealed.ok("cancel", "report")
    sealed.ok("audit", "seal", "--export", str(file))
    path = tmp_path / "proof"
    path.write_text(sealed.ok("audit", "prove", "--between", "1", "2", "--json").out)

    ran = nowhere(sealed).ok("audit", "check-proof", str(path), "--seal", str(file), "--json")

    assert (ran.json["holds"], ran.json["trusted"]) == (True, True)
    assert [one["number"] for one in ran.json["seals"]] == [1, 2]


def forged(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "hash": "0" * 64}


def test_a_proof_that_does_not_hold_is_one_sentence(sealed: Queuectl, tmp_path: Path, key: tuple[str, str]) -> None:
    document = sealed.ok("audit", "prove", "report").json
    path, empty = tmp_path / "proof", tmp_path / "empty"
    path.write_text(json.dumps(document))
    empty.touch()
    broken = tmp_path / "broken"
    broken.write_text(json.dumps(forged(document)))

    for args, why in (
        ((str(broken),), "does not lead from job-report version 1 to seal 1"),
        ((str(path), "--seal", str(empty)), "is not the one in"),
        ((str(path), "--key", key[1]), "Seal 1 is not signed."),
        ((str(path), "--key", "abc"), "must be a public key, 64 hex digits"),
        ((str(empty),), "This is no proof"),
        ((str(tmp_path / "none"),), "No such file"),
    ):
        ran = nowhere(sealed).here("audit", "check-proof", *args)
        assert ran.code == (2 if "abc" in args else 1)
        assert is_one_sentence(ran), ran
        assert why in ran.err


@pytest.mark.parametrize("args", [(), ("report", "--between", "1", "2"), ("--between", "1", "2", "--seal", "1")])
def test_what_to_prove_must_be_said_in_one_way(sealed: Queuectl, args: tuple[str, ...]) -> None:
    ran = sealed.here("audit", "prove", *args)

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_what_is_not_sealed_is_not_proven(sealed: Queuectl, database: Database[dict[str, Any]]) -> None:
    sealed.ok("enqueue", '{"id": "new", "command": "true"}')

    ran = sealed.here("audit", "prove", "new")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "Seal 1 has nothing of job-new" in ran.err


def test_a_seal_that_was_altered_is_told_and_none_is_made_behind_it(
    sealed: Queuectl, database: Database[dict[str, Any]]
) -> None:
    database["events"].update_one({"_id.stream": "seal-log"}, {"$set": {"data.events": 9}})
    sealed.ok("cancel", "report")

    ran = sealed.here("audit", "seal")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "Seal 1 was altered" in ran.err
    assert "`queuectl audit verify --all` says" in ran.err


def test_what_was_cut_off_with_all_its_views_is_found_by_a_seal_that_was_kept(
    sealed: Queuectl, file: Path, database: Database[dict[str, Any]]
) -> None:
    sealed.ok("enqueue", '{"id": "other", "command": "true"}')
    sealed.ok("audit", "seal", "--export", str(file))
    assert sealed.ok("audit", "verify", "--all", "--against", str(file)).code == 0

    database["events"].delete_many({"_id.stream": "job-other"})
    sealed.ok("projections", "rebuild")

    ran = sealed.here("audit", "verify", "--all", "--against", str(file), "--json")
    assert ran.code == 1
    assert "job-other" in {one["stream"] for one in ran.json["findings"]}


def test_an_auditor_who_remembers_is_told_what_the_log_had_and_has_no_more(
    sealed: Queuectl, tmp_path: Path, database: Database[dict[str, Any]]
) -> None:
    record = tmp_path / "audit.json"
    sealed.ok("enqueue", '{"id": "other", "command": "true"}')
    sealed.ok("projections", "rebuild")
    sealed.ok("audit", "verify", "--all", "--record", str(record))
    assert record.stat().st_mode & 0o777 == 0o600

    database["events"].delete_many({"_id.stream": {"$in": ["job-other", "views-live"]}})
    sealed.ok("projections", "rebuild")
    ran = sealed.here("audit", "verify", "--all", "--record", str(record))

    assert ran.code == 1
    assert "some were removed" in ran.out


def test_a_record_of_another_log_is_a_finding(sealed: Queuectl, tmp_path: Path) -> None:
    record = tmp_path / "audit.json"
    sealed.ok("audit", "verify", "--all", "--record", str(record))
    kept = json.loads(record.read_bytes())
    record.write_text(json.dumps({**kept, "log": "0" * 32}))

    ran = sealed.here("audit", "verify", "--all", "--record", str(record))

    assert (ran.code, "remembers log" in ran.out) == (1, True)


@pytest.mark.parametrize("option", ["--against", "--record"])
def test_what_an_audit_is_held_against_is_refused_in_a_sentence_where_it_is_nothing(
    sealed: Queuectl, tmp_path: Path, option: str
) -> None:
    other = tmp_path / "other"
    other.write_text('{"a": 1')

    ran = sealed.here("audit", "verify", "--all", option, str(other))

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert sealed.here("audit", "verify", "report", option, str(other)).code == 2


def test_an_audit_says_what_it_was_held_against(sealed: Queuectl, file: Path, tmp_path: Path) -> None:
    record = str(tmp_path / "audit.json")
    sealed.ok("projections", "rebuild")
    sealed.ok("audit", "seals", "--export", str(file))

    first = sealed.ok("audit", "verify", "--all", "--against", str(file), "--record", record)
    again = sealed.ok("audit", "verify", "--all", "--record", record, "--json").json

    assert "the last of them seal 1 of 20" in first.err
    assert "nothing that was remembered" in first.err
    assert len(again["against"]) == 1
    assert sealed.ok("audit", "verify", "--all", "--json").json["against"] == []
    assert sealed.here("audit", "verify", "--all", "--record", str(tmp_path / "no" / "audit.json")).code == 2
    assert not (tmp_path / "no").exists()
