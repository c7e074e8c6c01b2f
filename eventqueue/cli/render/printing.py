"""Documents printed as JSON: one, one a line, or very many as an array."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec

from eventqueue.system.printable import clean_json
from eventqueue.telling.jsonl import json_line


def print_json(document: Any) -> None:
    """Print a document on a line of its own; indented where someone looks."""
    line = msgspec.json.encode(document)
    text = msgspec.json.format(line, indent=2) if sys.stdout.isatty() else line
    click.echo(clean_json(text.decode()).encode())


def print_line(document: Any) -> None:
    """Print a document on a line, whoever looks: one of very many."""
    click.echo(json_line(document), nl=False)


def print_array(parts: Iterable[Sequence[Any]]) -> None:
    """Print the documents of all parts as one array, each part as it comes."""
    is_looked_at = sys.stdout.isatty()
    end = "\n]" if is_looked_at else "]"
    so_far = ""
    for part in parts:
        line = msgspec.json.encode(part)
        text = (msgspec.json.format(line, indent=2) if is_looked_at else line).decode()
        if part:
            click.echo(f"{so_far or '['}{clean_json(text[1 : -len(end)])}".encode(), nl=False)
            so_far = ","
    click.echo(end if so_far else "[]")
