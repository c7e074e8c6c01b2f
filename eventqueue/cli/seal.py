"""`queuectl audit seal`, `seals`, `prove`, `check-proof` and `key`: proof that nobody has changed the log."""

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from eventqueue.cli.known import JOB
from eventqueue.cli.options import Group, command
from eventqueue.cli.render.progress import progress
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import FILE, TEXT, shown_path
from eventqueue.errors import NotProven
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.sealing import Seals
    from eventqueue.audit.proofs import Proof
    from eventqueue.audit.seals import Seal
    from eventqueue.sealing.signing import Signer

PART = 200  # seals that are printed at once
PROOF_MAX = 64 * 1024 * 1024  # bytes
NUMBER = click.IntRange(1, 2**62)


@command("seal")
@click.option("--key", envvar="QUEUECTL_SEAL_KEY", type=FILE, help="Sign with the key in this file.")
@click.option("--new-key", "is_new", is_flag=True, help="Also behind seals that another key has signed, from now on.")
@click.option("--export", "path", type=FILE, metavar="FILE", help="Add the seals that FILE lacks to it, a line each.")
@click.option("--publish", type=TEXT, metavar="COMMAND", help="Hand each new seal, or the last, to COMMAND on stdin.")
@with_session
def seal(session: Session, *, key: str | None, is_new: bool, path: str | None, publish: str | None) -> None:
    """Seal the log now.

    Whoever runs a projector does so once a minute. A seal is a hash over all that the log has; kept where nobody
    reaches it who reaches the database, it proves later that nothing was altered. The environment variable
    QUEUECTL_SEAL_KEY names a key for all who seal.

    \b
    queuectl audit seal --export /mnt/elsewhere/seals.jsonl
    queuectl audit seal --publish 'mail -s seal auditor@example.net'
    """
    from eventqueue.api.sealing import Seals
    from eventqueue.cli.render import seals as render
    from eventqueue.sealing.signing import load

    signer = load(key) if key else None
    with session.queue() as queue:
        seals = Seals(queue.connection)
        made = _seal(session, queue, seals, signer, may_take_over=is_new)
        last = seals.last()
        exported = None if path is None else seals.export(path)
    _publish(made or ([] if last is None else [last]), publish)
    session.out.document(
        lambda: (
            {"made": [render.document(one) for one in made], "last": last and render.document(last)}
            | ({} if exported is None else {"exported": exported})
        )
    )
    _tell(session, made, last, is_signing=signer is not None)
    if exported is not None:
        session.out.done(f"{count(exported, 'seal')} added to {shown_path(path or '')}")


def _seal(
    session: Session, queue: "Queue", seals: "Seals", signer: "Signer | None", *, may_take_over: bool
) -> "Sequence[Seal]":
    with progress("sealing", queue.log_size(), hidden=session.out.quiet, unit="events") as advance:
        return seals.seal(signer, advance, may_take_over=may_take_over)


def _publish(seals: "Sequence[Seal]", command: str | None) -> None:
    from eventqueue.api.sealing import publish

    for one in seals if command is not None else ():
        publish(one, command or "")


def _tell(session: Session, made: "Sequence[Seal]", last: "Seal | None", *, is_signing: bool) -> None:
    for one in made:
        what = f"{count(one.events, 'event')}, {count(one.size, 'leaf', 'leaves')}"
        session.out.done(f"Seal {one.number}: {what}, root {one.root.hex()}{_signed(one)}")
        session.out.bare(one.root.hex())
    if not made and last is None:
        session.out.note("There is nothing to seal.")
    elif not made and last is not None:
        unsigned = ", which is not signed: the next one will be" if is_signing and last.key is None else ""
        session.out.note(f"Nothing has changed since seal {last.number}{_signed(last)}{unsigned}.")


def _signed(seal: "Seal") -> str:
    return "" if seal.key is None else f", signed with {seal.key.hex()[:16]}"


@command("seals")
@click.option("--export", "path", type=FILE, metavar="FILE", help="Add the seals that FILE lacks to it, a line each.")
@with_session
def seals_(session: Session, path: str | None) -> int:
    """List the seals, or keep them elsewhere.

    Nothing is written into the log, so whoever may only read can do this. The exit code is 1 where one is not signed by
    the key that it names. That this is the right key `queuectl audit verify --all --key` says.

    \b
    queuectl audit seals
    queuectl audit seals --export /mnt/elsewhere/seals.jsonl
    """
    from eventqueue.api.sealing import Seals
    from eventqueue.cli.render import seals as render
    from eventqueue.cli.render.console import show_long
    from eventqueue.cli.render.printing import print_array

    with session.queue() as queue:
        if path is not None:
            exported = Seals(queue.connection).export(path)
            session.out.document(lambda: {"exported": exported})
            session.out.done(f"{count(exported, 'seal')} added to {shown_path(path)}")
            return 0
        forged: list[int] = []
        parts = _parts(_noting(Seals(queue.connection).all(), forged))
        if session.out.as_json:
            print_array([render.document(one) for one in part] for part in parts)
        elif first := next(parts, None):
            show_long(render.table(part) for part in chain([first], parts))
        else:
            session.out.note("No seal was made yet: `queuectl audit seal` makes one.")
    if forged:
        named = f"{count(len(forged), 'seal')}, the first of them seal {forged[0]}"
        session.out.refuse(f"Not signed by the key that it names: {named}. `queuectl audit verify --all` says more.")
    return 1 if forged else 0


def _noting(seals: "Iterator[Seal]", forged: list[int]) -> "Iterator[Seal]":
    """Yield the seals, and note the numbers of those that are not signed by the key that they name."""
    from eventqueue.sealing.signing import is_signed

    for one in seals:
        if one.key is not None and is_signed(one) is False:
            forged.append(one.number)
        yield one


@command("prove")
@click.argument("job_id", metavar="[ID]", required=False, type=JOB)
@click.option("--seal", "number", type=NUMBER, metavar="N", help="In this seal [default: the last one].")
@click.option("--between", nargs=2, type=NUMBER, metavar="N M", help="That seal M continues seal N.")
@with_session
def prove(session: Session, job_id: str | None, number: int | None, between: tuple[int, int] | None) -> None:
    """Print a proof of how a job was sealed.

    It is JSON. `queuectl audit check-proof` checks it without a database, and so can anybody: RFC 6962 has the recipe.

    \b
    queuectl audit prove report --seal 12 > report.proof
    queuectl audit prove --between 1 12 > seals.proof
    """
    from eventqueue.api.sealing import Seals
    from eventqueue.cli.render.printing import print_json

    if (job_id is None) == (between is None) or (between is not None and number is not None):
        raise click.UsageError("Give a job's id, or --between two seals")
    with session.queue() as queue:
        seals = Seals(queue.connection)
        if between is not None:
            print_json(seals.prove_between(*between))
            return
        last = seals.last()
        total = None if last is None or number is not None else 2 * last.size
        with progress("reading", total, hidden=session.out.quiet, unit="leaves") as tell:
            found = seals.prove(queue.resolve(job_id or ""), number, tell)
    print_json(found)


@command("check-proof")
@click.argument("file", type=FILE)
@click.option("--key", type=FILE, metavar="KEY", help="The seal must be signed by this public key, or that in a file.")
@click.option("--seal", "path", type=FILE, metavar="FILE", help="The seal must be one of those exported to FILE.")
@with_session
def check_proof(session: Session, file: str, key: str | None, path: str | None) -> None:
    """Check a proof, without a database.

    The exit code is 1 if it does not hold. By itself a proof leads to the seal that it brings along: that this is a
    true one the file of seals or the key says. `-` is stdin.

    \b
    queuectl audit check-proof report.proof --seal /mnt/elsewhere/seals.jsonl
    """
    from eventqueue.audit import proofs
    from eventqueue.cli.render import seals as render
    from eventqueue.sealing import files
    from eventqueue.sealing.signing import check_signature, public_key

    public = None if key is None else public_key(key)
    proof = proofs.read(_content(file))
    about = proofs.check(proof)
    for one in about if public is not None else ():
        check_signature(one, public or b"")
    if path is not None:
        _check_kept(about, files.read(path), path)
    believed = key is not None or path is not None
    session.out.document(lambda: {"holds": True, "seals": [render.document(one) for one in about], "trusted": believed})
    session.out.done(f"The proof holds: {_proven(proof)}")
    if not believed:
        session.out.note("Whether its seal is a true one is not looked at: --seal FILE or --key says.")


@command("key")
@click.argument("file", type=FILE)
@with_session
def key(session: Session, file: str) -> None:
    """Make a key to sign seals with.

    It is put into a new file that only you may read: keep it away from the database. Whoever checks seals needs the
    public key, which this prints; with --quiet alone.

    \b
    queuectl audit key ~/seal.key
    queuectl audit key ~/seal.key --quiet > ~/seal.pub
    """
    from eventqueue.sealing.signing import create

    public = create(file).public.hex()
    session.out.document(lambda: {"file": shown_path(file), "public": public})
    session.out.done(f"A key is in {shown_path(file)}; its public key is {public}")
    session.out.bare(public)


def _proven(proof: "Proof") -> str:
    from eventqueue.audit.proofs import Inclusion

    if isinstance(proof, Inclusion):
        return f"{proof.stream} stood at version {proof.version} in seal {proof.seal.number}"
    return f"seal {proof.new.number} continues seal {proof.old.number}"


def _check_kept(about: "Sequence[Seal]", kept: "Iterator[Seal]", path: str) -> None:
    missing = {one.number: one for one in about}
    for one in kept:
        if one.number in missing and missing[one.number].statement == one.statement:
            del missing[one.number]
    for number in missing:
        raise NotProven(f"Seal {number}, to which the proof leads, is not the one in {path!r}.")


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(PROOF_MAX)
    with open(os.fsencode(file), "rb") as opened:
        return opened.read(PROOF_MAX)


def _parts(seals: "Iterator[Seal]") -> "Iterator[list[Seal]]":
    while part := list(islice(seals, PART)):
        yield part


def add_to(group: Group) -> None:
    """Add these commands to a group."""
    for one in (seal, seals_, prove, check_proof, key):
        group.add_command(one)
