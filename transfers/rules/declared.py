"""What a person says of themselves, as facts of both areas: for a dry run that asks no registry.

Only what the person declares is looked at, so the answer tells nobody anything about anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from transfers.rules.benefits import first_day
from transfers.rules.facts import Application, AreaFacts, EnrolmentFact
from transfers.rules.months import Period, month_of


@dataclass(frozen=True, slots=True)
class Declared:
    """The answers. Statuses are psn_insu_stas; months are whole numbers (rules/months.py), None when not known.

    `insured_since`: first month insured outbound without a break up to `last_paid`. `enrolled_from`: first month paid
    inbound, or to be paid there.
    """

    outbound_area: str
    inbound_area: str
    outbound_scheme: str
    inbound_scheme: str
    outbound_status: str
    inbound_status: str
    retired: bool = False
    arrears: bool = False
    open_claims: bool = False
    insured_since: int | None = None
    last_paid: int | None = None
    enrolled_from: int | None = None

    def application(self, today: date) -> Application:
        """As if it were applied for today; nobody's name or number is known or checked."""
        return Application(
            name="",
            identity_valid=True,
            outbound_area=self.outbound_area,
            inbound_area=self.inbound_area,
            outbound_scheme=self.outbound_scheme,
            inbound_scheme=self.inbound_scheme,
            today=today,
        )

    def outbound(self) -> AreaFacts:
        """What the outbound area would know if that is so."""
        periods = []
        if self.last_paid is not None:
            first = self.last_paid if self.insured_since is None else self.insured_since
            periods.append(Period(first, self.last_paid, area=self.outbound_area, scheme=self.outbound_scheme))
        return AreaFacts(
            area=self.outbound_area,
            enrolments=(EnrolmentFact(self.outbound_scheme, self.outbound_status, "", retired=self.retired),),
            periods=tuple(periods),
            arrears=self.arrears,
            open_claims=self.open_claims,
        )

    def inbound(self, today: date) -> AreaFacts:
        """What the inbound area would know: paid from the first month there until now."""
        since, periods = self.enrolled_from, []
        if since is not None and since <= month_of(today) and self.inbound_status == "1":
            periods.append(Period(since, month_of(today), area=self.inbound_area, scheme=self.inbound_scheme))
        row = EnrolmentFact(
            self.inbound_scheme, self.inbound_status, "", valid_from=None if since is None else first_day(since)
        )
        return AreaFacts(area=self.inbound_area, enrolments=(row,), periods=tuple(periods))
