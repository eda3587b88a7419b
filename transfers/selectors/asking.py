"""Putting a question to the rules: which policies apply in both areas on the day, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from transfers.documents.caseform import CaseContent, parse
from transfers.policies import applying
from transfers.rules.declared import Declared
from transfers.rules.dryrun import DryRun
from transfers.rules.errors import refusal
from transfers.rules.facts import Application, AreaFacts
from transfers.rules.precheck import Question


def question_of(application: Application, outbound: AreaFacts, inbound: AreaFacts, *, open_case: str = "") -> Question:
    """The question under the policies that apply in both areas on the day of the application."""
    there = applying(application.outbound_area, application.today)
    here = applying(application.inbound_area, application.today)
    return Question(
        application=application,
        outbound=outbound,
        inbound=inbound,
        outbound_policy=there.policy,
        inbound_policy=here.policy,
        open_case=open_case,
        outbound_sources=there.sources,
        inbound_sources=here.sources,
    )


def dry_run_of(data: Mapping[str, Any], *, today: date) -> DryRun:
    """The dry run of a case as JSON (docs/case-json.md). Raises J-INPUT with every problem by its place."""
    content = parse(data, today=today)
    policies: dict[str, Any] = {}
    problems: dict[str, dict[str, str]] = {}
    for side, given in (("outbound", content.outbound), ("inbound", content.inbound)):
        if given.policy is not None:
            policies[f"{side}_policy"], policies[f"{side}_sources"] = given.policy, given.sources
            continue
        try:
            found = applying(given.facts.area, content.application.today)
        except KeyError:
            unknown = refusal("J-AREA", code=given.facts.area)
            problems[f"{side}.area"] = unknown.told
        else:
            policies[f"{side}_policy"], policies[f"{side}_sources"] = found.policy, found.sources
    if problems:
        raise refusal("J-INPUT", fields=problems)
    return _dry_run(content, policies)


def declared_run(declared: Declared, *, today: date) -> DryRun:
    """The dry run of what a person says of themselves, under the policies of both areas."""
    return DryRun(question_of(declared.application(today), declared.outbound(), declared.inbound(today)))


def _dry_run(content: CaseContent, policies: Mapping[str, Any]) -> DryRun:
    return DryRun(
        question=Question(
            application=content.application,
            outbound=content.outbound.facts,
            inbound=content.inbound.facts,
            open_case=content.open_case,
            **policies,
        ),
        sex=content.sex,
        in_window=content.in_window,
        repaired_years=content.repaired_years,
    )
