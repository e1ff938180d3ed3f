"""``flowadam audit --list``."""

from __future__ import annotations

import textwrap

import typer
from rich.console import Console
from rich.table import Table

from analysis.audit.table import LEAST, WIDE
from flowadam.audit.claims import Claim
from flowadam.audit.read import read_claims
from flowadam.cli.width import columns


def list_claims(name: str) -> None:
    """Print the claims of a file: key, kind, task, comparison and words."""
    claims = read_claims(name).claims
    width = columns(WIDE)
    if width < LEAST:
        for c in claims:
            head = f"{c.key}  {c.kind}, {c.task}: {c.optimizer} against {_rivals(c)}"
            typer.echo(textwrap.fill(head, width, subsequent_indent="    "))
            typer.echo(textwrap.fill(f"  {c.words}", width, subsequent_indent="  "))
        return
    table = Table("claim", "kind", "task", "optimizer", "against", "words", box=None)
    for c in claims:
        table.add_row(c.key, c.kind, c.task, c.optimizer, _rivals(c), c.words)
    Console().print(table, markup=False, soft_wrap=True)


def _rivals(claim: Claim) -> str:
    few = claim.against if len(claim.against) < 4 else (*claim.against[:2], "...")
    return ", ".join(few)
