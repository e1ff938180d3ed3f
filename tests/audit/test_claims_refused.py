"""Files of claims: what is refused, and that those of the package can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import audit_tools
import pytest

from flowadam.audit.claims import Claim
from flowadam.audit.read import make_claims, read_claims, shipped
from flowadam.audit.run import check_claim
from flowadam.audit.studies import AuditBench, Effort
from flowadam.cli.registry import Registry
from flowadam.errors import InputError
from flowadam.sweep import LocalEngine, Stop

WRONG = [
    ({"optimzer": "x"}, "Unknown key 'optimzer' in the claim 'made-up'. Did you mean 'optimizer'"),
    ({"kind": "bettr"}, "Unknown kind 'bettr'. Did you mean 'better'?"),
    ({"task": None}, "The key 'task' is missing in the claim 'made-up'"),
    ({"steps": "many"}, "`steps` in the claim 'made-up' must be of type int, got 'many'"),
    ({"steps": True}, "must be of type int, got True"),
    ({"steps": 0}, "needs `steps` of at least 1, got 0"),
    ({"key": "a/b"}, "A claim's key has letters, digits, - and _ alone, got 'a/b'"),
    ({"key": ".."}, "alone, got '..'"),
    ({"against": []}, "needs `against`"),
    ({"claimed": {"plane": 0.1}}, "Unknown contender in `claimed` 'plane'. Did you mean 'plain'?"),
    ({"kind": "equal"}, "is of the kind equal and needs `margin`"),
    ({"kind": "essential"}, "needs `level`"),
    ({"kind": "specific"}, "needs `control_task`"),
    ({"kind": "dial", "values": [0, 1]}, "needs `dial`"),
    ({"kind": "rate"}, "needs `rates`"),
    ({"unit": "percent"}, "Unknown unit 'percent'"),
    ({"charged": "seconds"}, "Unknown charged 'seconds'"),
    ({"forms": ["early stoping"]}, "Unknown form 'early stoping'. Did you mean 'early stopping'?"),
    ({"contender": {"plain": {"lr": 1}}}, "Unknown key 'lr' in the contender 'plain'"),
    ({"contender": {"plain": {"like": "gredy"}}}, "Did you mean 'greedy'?"),
    ({"contender": {"plain": {"matched": "plane"}}}, "Did you mean 'plain'?"),
    ({"contender": {"plain": {"ranges": {"lr": [1, 0.1]}}}}, "must be [low, high], got [1, 0.1]"),
    ({"contender": {"plain": {"ranges": {"lr": 0.1}}}}, "must be [low, high], got 0.1"),
]


@pytest.mark.parametrize(("keys", "sentence"), WRONG, ids=[next(iter(k)) for k, _ in WRONG])
def test_wrong_claims_are_refused(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        audit_tools.claim(**keys)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"task": "coupling_quadratc"}, "Did you mean 'coupling_quadratic'?"),
        ({"contender": {"plain": {"optimizer": "spendr"}}}, "Did you mean 'spender'?"),
        (
            {"contender": {"plain": {"optimizer": "spender", "options": {"lrr": 1.0}}}},
            "plain has no option 'opt.lrr'. Did you mean 'opt.lr'?",
        ),
        (
            {"contender": {"plain": {"optimizer": "spender", "ranges": {"lrr": [0.1, 1.0]}}}},
            "'opt.lrr'. Did you mean 'opt.lr'?",
        ),
    ],
)
def test_unknown_names_are_refused_before_anything_runs(
    keys: dict[str, Any], sentence: str
) -> None:
    bench, watcher = audit_tools.bench()
    with pytest.raises(InputError) as caught:
        check_claim(audit_tools.claim(**keys), bench)
    assert sentence in str(caught.value) and not watcher.count


def test_a_key_stands_once() -> None:
    with pytest.raises(InputError, match="name 'made-up' twice"):
        make_claims({"claim": [audit_tools.CLAIM] * 2, "contender": {}}, "tests")


def test_a_missing_file_names_the_nearest_of_ours() -> None:
    with pytest.raises(InputError, match="Did you mean 'vradam'"):
        read_claims("vradamm")


def test_a_user_s_file_needs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[claim]]\nkey = "m"\nkind = "better"\ntask = "digits_mlp"\nsteps = 5\n'
        'optimizer = "lion"\nagainst = "adam"\n'
    )
    (found,) = read_claims(str(path)).claims
    assert (found.optimizer, found.against, found.contenders["lion"].optimizer) == (
        "lion",
        ("adam",),
        "lion",
    )


OURS = [(name, claim) for name in shipped() for claim in read_claims(name).claims]


@pytest.mark.parametrize("claim", [c for _, c in OURS], ids=[f"{n}-{c.key}" for n, c in OURS])
def test_ours_can_be_run(claim: Claim) -> None:
    """Every task, optimizer and option exists; data sets that are not here are named."""
    registry, stop = Registry(), Stop()
    watcher = audit_tools.Watcher(stop)
    bench = AuditBench(registry.task, registry.spec, LocalEngine(), watcher, stop, str, Effort())
    try:
        check_claim(claim, bench)
    except InputError as error:
        if "flowadam data get" not in str(error):
            raise


def test_all_keys_of_the_paper_are_there() -> None:
    keys = {claim.key.partition("-")[0] for claim in read_claims("flowadam").claims}
    wanted = {"A1", "A2", "A3", "B4", "C6", "C7", "C8", "C9", "C10", "C14", "D15", "D16"}
    assert wanted | {"jester", "cifar10", "movielens"} <= keys
