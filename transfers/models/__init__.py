"""The tables. Changes of a case go through `transfers.actions.perform`, never through these classes directly."""

from transfers.models.agency import Agency, IdempotencyKey, Membership, Partner
from transfers.models.area import Area
from transfers.models.attachment import Attachment
from transfers.models.bank import (
    Allocation,
    BankAccount,
    BankFile,
    MeasuredPair,
    Payment,
    PaymentBatch,
    PaymentResult,
    Reconciliation,
    Settlement,
    StatementLine,
)
from transfers.models.bulk import ApplicationFile, ApplicationLine, BulkItem, BulkStep
from transfers.models.calendar import CalendarEdition, CalendarNotice
from transfers.models.case import TransferCase
from transfers.models.clock import Alarm, Clock
from transfers.models.event import AccessEvent, CaseEvent
from transfers.models.money import MOVES, LedgerEntry, LedgerTransaction, Remittance
from transfers.models.paper import Paper
from transfers.models.partition import RetiredMonth
from transfers.models.person import ContributionPeriod, Enrolment, Person, PersonalAccount
from transfers.models.policy import Policy, ResolvedPolicy
from transfers.models.sheet import Sheet

__all__ = [
    "MOVES",
    "AccessEvent",
    "Agency",
    "Alarm",
    "Allocation",
    "ApplicationFile",
    "ApplicationLine",
    "Area",
    "Attachment",
    "BankAccount",
    "BankFile",
    "BulkItem",
    "BulkStep",
    "CalendarEdition",
    "CalendarNotice",
    "CaseEvent",
    "Clock",
    "ContributionPeriod",
    "Enrolment",
    "IdempotencyKey",
    "LedgerEntry",
    "LedgerTransaction",
    "MeasuredPair",
    "Membership",
    "Paper",
    "Partner",
    "Payment",
    "PaymentBatch",
    "PaymentResult",
    "Person",
    "PersonalAccount",
    "Policy",
    "Reconciliation",
    "Remittance",
    "ResolvedPolicy",
    "RetiredMonth",
    "Settlement",
    "Sheet",
    "StatementLine",
    "TransferCase",
]
