"""`manage.py bank`: files for the bank and from it, for installations that exchange them without the console."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from transfers import tasks
from transfers.access import Actor, actor_for
from transfers.actions.batches import file_of
from transfers.actions.results import Preview, apply_results, preview, take_results
from transfers.actions.statements import Twice, is_long, match_new, preview_statement, take_statement
from transfers.models import Agency, PaymentBatch
from transfers.places import agency_of
from transfers.rules.bank import BatchState
from transfers.rules.bankfiles import BYTES_MAX, yuan
from transfers.rules.errors import Refusal


class Command(BaseCommand):
    help = (
        "Exchange files with the bank of an agency (docs/bank-files.md), in the name of one of its finance staff. Safe "
        "to repeat: a file that was taken in before changes nothing. Exits with 1 when rows were kept with a problem, "
        "with 2 when a file was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
        payments = kinds.add_parser("payments", help="write the payment file of an approved batch")
        _whose(payments)
        payments.add_argument("sequence", metavar="SEQUENCE", type=int, help="the number of the batch")
        payments.add_argument("--out", metavar="PATH", help="where to write it; standard output when not given")
        results = kinds.add_parser("results", help="take in the results of payments, and act upon them")
        _whose(results)
        results.add_argument("file", metavar="FILE", help="- for standard input")
        results.add_argument("--preview", action="store_true", help="say what it would do, and do nothing")
        results.add_argument("--retry", action="store_true", help="take up rows once more that kept a problem")

        statement = kinds.add_parser("statement", help="take in what came on the account, and match it to its cases")
        _whose(statement)
        statement.add_argument("file", metavar="FILE", help="- for standard input")
        statement.add_argument("--preview", action="store_true", help="say what it would do, and do nothing")

    def handle(self, *args: Any, kind: str, area: str, user: str, **options: Any) -> None:
        agency = agency_of(area)
        if agency is None:
            raise CommandError(f"{area}: no agency", returncode=2)
        found = User.objects.filter(username=user).first()
        if found is None:
            raise CommandError(f"{user}: no such user", returncode=2)
        try:
            getattr(self, f"_{kind}")(actor_for(found), agency, options)
        except Refusal as error:
            for problem in error.details.get("problems", ()):
                self.stderr.write(f"line {problem['line']}: {problem['code']}: {problem['en']}")
            raise CommandError(f"{error.code}: {error.en}", returncode=2) from None

    def _payments(self, actor: Actor, agency: Agency, options: dict[str, Any]) -> None:
        approved = PaymentBatch.objects.filter(agency=agency, state=BatchState.APPROVED.value)
        batch = approved.filter(sequence=options["sequence"]).first()
        if batch is None:
            raise CommandError(f"{agency.area_id} has no approved batch {options['sequence']}", returncode=2)
        name, data = file_of(actor, batch.pk)
        if options["out"] is None:
            sys.stdout.buffer.write(data)
            return
        try:
            Path(options["out"]).write_bytes(data)
        except OSError as error:
            raise CommandError(f"{options['out']}: {error.strerror}", returncode=2) from None
        self.stdout.write(f"{name} payments={batch.count} yuan={yuan(batch.total_fen)} sha256={batch.digest}")

    def _results(self, actor: Actor, agency: Agency, options: dict[str, Any]) -> None:
        data, name = _read(options["file"]), Path(options["file"]).name
        if options["preview"]:
            self._tell(preview(actor, agency.pk, data, name=name))
            return
        taken = take_results(actor, agency.pk, data, name=name)
        done = apply_results(actor, taken.file, retry=options["retry"], tell=self._progress)
        again = " taken in before" if taken.again else ""
        told = f"paid={done.paid} returned={done.returned} problems={done.problems}"
        self.stdout.write(f"results {taken.file.sequence}{again}: {told}")
        if done.problems:
            raise CommandError(f"{done.problems} row(s) could not be acted upon: see them in the console.")

    def _statement(self, actor: Actor, agency: Agency, options: dict[str, Any]) -> None:
        data, name = _read(options["file"]), Path(options["file"]).name
        if options["preview"]:
            look = preview_statement(actor, agency.pk, data, name=name)
            self._tell_twice(look.twice)
            again = " taken in before" if look.again else ""
            told = f"lines={look.count} ({yuan(look.total_fen)} yuan) known={len(look.twice)}"
            self.stdout.write(f"statement {look.sequence}{again}: {told}")
            return
        taken = take_statement(actor, agency.pk, data, name=name, tell=self._stage)
        self._tell_twice(taken.twice)
        if is_long(agency.pk):
            tasks.bank_soon()  # a worker that is there takes every other block
        run = match_new(agency.pk, tell=self._stage)
        again = " taken in before" if taken.again else ""
        told = f"stored={taken.stored} known={len(taken.twice)} matched={run.matched}"
        queued = "".join(f" {reason}={count}" for reason, count in sorted(run.queued.items()))
        self.stdout.write(f"statement {taken.file.sequence}{again}: {told}{queued}")

    def _tell_twice(self, twice: Sequence[Twice]) -> None:
        for line in twice:
            differs = ", with another amount: ask the bank" if line.differs else ""
            self.stderr.write(f"line {line.row}: {line.bank_reference} was there before{differs}")

    def _stage(self, stage: str, done: int, count: int) -> None:
        self.stderr.write(f"{stage} {done} of {count}")

    def _tell(self, seen: Preview) -> None:
        again = " taken in before" if seen.again else ""
        paid = f"paid={seen.paid} ({yuan(seen.paid_fen)} yuan)"
        returned = f"returned={seen.returned} ({yuan(seen.returned_fen)} yuan)"
        self.stdout.write(f"results {seen.results.header.sequence}{again}: {paid} {returned}")

    def _progress(self, done: int, count: int) -> None:
        self.stderr.write(f"{done} of {count}")


def _whose(parser: ArgumentParser) -> None:
    parser.add_argument("area", metavar="AREA", help="six-digit code of the agency's area")
    parser.add_argument("--user", required=True, help="username of one of its finance staff, who answers for it")


def _read(name: str) -> bytes:
    """The file, and no more of it than a file may have."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}", returncode=2) from None
