"""``flowadam audit --list``."""

from __future__ import annotations

import typer

from analysis.text import fitted
from flowadam.audit.claims import Claim
from flowadam.audit.read import read_claims
from flowadam.cli.width import columns

HEAD = ("claim", "kind", "task", "optimizer", "against", "words")
ANY = 1000
"""Columns in a file or a pipe."""


def list_claims(name: str) -> None:
    """Print the claims of a file: key, kind, task, comparison and words."""
    rows = [
        (c.key, c.kind, c.task, c.optimizer, _rivals(c), c.words) for c in read_claims(name).claims
    ]
    typer.echo("\n".join(fitted([HEAD, *rows], columns(ANY))))


def _rivals(claim: Claim) -> str:
    few = claim.against if len(claim.against) < 4 else (*claim.against[:2], "...")
    return ", ".join(few)
