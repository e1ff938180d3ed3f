"""All findings of a claim, form by form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.audit.findings import Finding, Sample
from analysis.audit.judge import judge
from analysis.audit.readings import Reading, failed_searches, read_form, trivial
from analysis.audit.verdicts import Gain
from flowadam.audit.claims import Claim
from flowadam.audit.forms import PUBLISHED, Form
from flowadam.audit.plan import forms_of, source

TRIVIAL = "trivial baseline"


def findings_of(claim: Claim, folder: Path, as_published: Sequence[Reading]) -> list[Finding]:
    """Return what the runs below `folder`, and those as published, say about a claim."""
    found = judge(claim, PUBLISHED, as_published) if as_published else []
    for form in forms_of(claim):
        found += _in_form(claim, form, folder)
    for task, (name, value) in trivial(claim, folder).items():
        sample = Sample(claim, TRIVIAL, [])
        found.append(
            sample.finding(Gain(value, None, None, 1), "metric", optimizer=name, task=task)
        )
    return found


def not_testable(claim: Claim, why: str) -> list[Finding]:
    """Return the findings of a claim that cannot be run here: the sentence, for every form."""
    return [
        Sample(claim, form.name, []).finding(
            None, "gain", against=name, verdict="not testable", sentence=why
        )
        for form in forms_of(claim)
        for name in claim.against
    ]


def unchanged(claim: Claim, form: Form) -> bool:
    """Say whether a correction corrects nothing, so that its column repeats the protocol's."""
    return source(claim, form) != form.protocol


def _in_form(claim: Claim, form: Form, folder: Path) -> list[Finding]:
    failed = failed_searches(claim, form, folder)
    found = judge(claim, form.name, read_form(claim, form, folder), failed)
    if form.tuned and claim.kind not in ("rate", "essential"):
        published = read_form(claim, replace(form, tuned=False), folder)
        found += Sample(claim, form.name, published).metrics("untuned")
    return found
