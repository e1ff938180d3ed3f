"""What a check says, and the loop that runs a table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

CheckStatus = Literal["ok", "failed", "exempt", "skipped"]
Table = Mapping[str, Callable[..., None]]


class ContractBroken(Exception):
    """A check found a broken rule; the message states it."""


class CheckSkipped(Exception):
    """A check has nothing to look at here; the message says what is missing."""


@dataclass(frozen=True)
class CheckResult:
    """The verdict of one check.

    Args:
        name: the check's name, as it stands in its table and in ``OptimizerSpec.exempt``.
        message: why it failed, is exempt or was skipped; empty when it passed.
    """

    name: str
    status: CheckStatus
    message: str = ""


def require(kept: bool, rule: str) -> None:
    """Raise ContractBroken with `rule`, a sentence about what was seen, unless it was kept."""
    if not kept:
        raise ContractBroken(rule)


def run_table(table: Table, *subjects: Any, exempt: Mapping[str, str]) -> list[CheckResult]:
    """Run every check of `table` on `subjects`; those in `exempt` are reported, not run."""
    return [
        CheckResult(name, "exempt", exempt[name]) if name in exempt else _run(name, check, subjects)
        for name, check in table.items()
    ]


def _run(name: str, check: Callable[..., None], subjects: tuple[Any, ...]) -> CheckResult:
    try:
        check(*subjects)
    except CheckSkipped as skipped:
        return CheckResult(name, "skipped", str(skipped))
    except ContractBroken as broken:
        return CheckResult(name, "failed", str(broken))
    except Exception as error:  # whatever breaks is a finding, and the other checks still run
        return CheckResult(name, "failed", f"{type(error).__name__}: {error}")
    return CheckResult(name, "ok")
