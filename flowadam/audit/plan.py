"""What a claim's forms read, and who runs in its studies."""

from __future__ import annotations

from collections.abc import Iterator

from flowadam.audit.claims import Claim, Contender
from flowadam.audit.forms import FORMS, PROTOCOLS, Form, Protocol
from flowadam.space import Value


def forms_of(claim: Claim) -> list[Form]:
    """Return the forms that the claim is measured in."""
    return [form for form in FORMS if not claim.forms or form.name in claim.forms]


def protocols_of(claim: Claim) -> list[Protocol]:
    """Return the protocols that must be run: one that changes nothing is left out."""
    wanted = {source(claim, form) for form in forms_of(claim)}
    return [protocol for protocol in PROTOCOLS if protocol.name in wanted]


def source(claim: Claim, form: Form) -> str:
    """Return the protocol whose runs a form reads.

    That of the published comparison where the correction corrects nothing: penalties that are
    equal already, gradients that the paper counts itself.
    """
    penalties = {c.penalty for c in claim.contenders.values()}
    same = {
        "penalty": len(penalties) == 1,
        "gradients": claim.charged == "gradients" and claim.gradients == claim.steps,
    }
    return "protocol" if same.get(form.protocol) else form.protocol


def labels(claim: Claim, protocol: Protocol) -> list[str]:
    """Return the names of the optimizers in the study of a protocol."""
    return [label for label, _, _ in entries(claim, protocol)]


def at_rate(name: str, rate: float) -> str:
    """Return the label of a contender at one rate of a rate claim."""
    return f"{name} at {rate:g}"


def entries(claim: Claim, protocol: Protocol) -> Iterator[tuple[str, Contender, dict[str, Value]]]:
    """Yield label, contender and the options that its label stands for.

    Equal penalties change nothing for a contender that has the one of the optimizer in focus: its
    runs are those of the published penalties.
    """
    equal = claim.contenders[claim.optimizer].penalty
    for name in claim.names:
        contender = claim.contenders[name]
        if protocol.penalty == "equal" and contender.penalty == equal:
            continue
        if claim.kind != "rate":
            yield name, contender, {}
        for rate in claim.rates:
            yield at_rate(name, rate), contender, {"lr": rate}
