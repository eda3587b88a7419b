"""Papers: ordered by the steps, made once with a seal that outside tools confirm, checked by anybody who holds one."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import DatabaseError, connection, transaction
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from tests.world import MONDAY
from transfers.access import actor_for, person_actor
from transfers.actions import papers, verification
from transfers.actions.verification import Answer
from transfers.documents import pdfseal
from transfers.documents.papers import store
from transfers.documents.papers.code import draw, parse
from transfers.documents.papers.ordering import drafted
from transfers.documents.papers.saying import as_set, said_by
from transfers.documents.papers.typesetting import MissingGlyphs, seal_face, typeset
from transfers.models import MOVES, CaseEvent, Paper, Sheet
from transfers.rules.errors import Refusal
from transfers.rules.papers import ORDERED, PAPERS, PaperKind

LATER = MONDAY + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path


def _by_code(code: str) -> Any:
    return verification.by_code(code, origin="192.0.2.1", now=LATER)


def _by_file(pdf: bytes) -> Any:
    # Each from another address: the limit has a test of its own.
    return verification.by_file(pdf, origin=secrets.token_hex(4), now=LATER)


# --- what each step orders -----------------------------------------------------------------------


def test_papers_are_ordered_by_steps_that_there_are():
    assert ORDERED.keys() <= MOVES.keys()


def test_an_ending_is_told_by_the_agency_that_ended_the_case(world):
    case = world.take(world.carry(world.accepted(), "claim_in"), "terminate", world.in_lead, reason="W-06", note="重复")
    assert Paper.objects.get(case=case, kind="ended").agency_id == case.inbound_agency_id


def test_the_standard_route_orders_its_papers_and_each_can_be_set(world):
    case = world.carry(world.accepted(), "credit_account")
    ordered = [paper.kind for paper in Paper.objects.filter(case=case).order_by("id")]
    assert ordered == [
        *("application", "acceptance"),
        *("sheet", "out_done"),
        *("in_confirmed", "change"),
        "credited",
        *("done", "completion"),
    ]
    events = {row.version: row.name for row in CaseEvent.objects.filter(case=case)}
    for paper in Paper.objects.filter(case=case):
        assert PaperKind(paper.kind) in ORDERED[events[paper.version]]
        assert paper.agency_id in (case.outbound_agency_id, case.inbound_agency_id)
    # The others, on the same case: what a step would have left in their facts.
    others = {
        "contact_letter": {},
        "certificate": {},
        "correction": {"sheet": 1},
        "refusal": {"failures": [{"code": "V-O-01", "blocking": True}, {"code": "V-P-01", "blocking": True}]},
        "supplement": {"reason": "Q-01", "note": "照片第二页不清楚", "due_on": "2026-06-08"},
        "return": {"reason": "R-01", "due_on": "2026-06-08"},
        "overdue": {"note": "系统升级", "due_on": "2026-06-15"},
        "ended": {"reason": "W-05"},
    }
    assert set(ordered) | set(others) == {kind.value for kind in PaperKind}
    for kind, facts in others.items():
        drafted(case, PaperKind(kind), version=90, facts=facts, now=MONDAY).save()
    texts = {}
    for paper in Paper.objects.filter(case=case).select_related("case__person", "agency"):
        said = said_by(paper)
        made = typeset(as_set(said, paper), at=MONDAY)
        assert made == typeset(as_set(said, paper), at=MONDAY), "the same words give the same bytes"
        assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in made.pdf
        assert (made.seal_at is not None) == PAPERS[PaperKind(paper.kind)].sealed
        texts[paper.kind] = str(said)
        assert "110101199003070012" not in texts[paper.kind], "identity numbers are masked"
        assert "13800000001" not in texts[paper.kind]
    assert "人民币叁仟肆佰伍拾陆元柒角捌分" in texts["sheet"]
    assert "2020-05" in texts["sheet"]
    assert "72 个月（实际 72，视同 0）" in texts["certificate"]
    assert "2026年9月1日" in texts["certificate"], "valid for three months"
    assert "转出地未中止参保" in texts["refusal"]
    assert "姓名与证件号码不一致" in texts["refusal"]
    assert "2026年6月15日" in texts["acceptance"]


# --- making, sealing -----------------------------------------------------------------------------


def test_a_sealed_sheet_validates_and_every_altered_byte_shows(world):
    case = world.carry(world.accepted(), "approve_out")
    assert papers.make_waiting(now=LATER) == papers.Made(made=1, by_hand=0, failed=0, truncated=False)
    assert papers.make_waiting(now=LATER).made == 0, "made once"
    paper = Paper.objects.get(case=case, kind="sheet")
    pdf = store.fetch(paper.sha256)
    assert (paper.status, paper.size, len(paper.digest)) == ("ready", len(pdf), 64)

    # pyHanko's own validator, with our authority as the only one that is trusted.
    (seal,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    context = ValidationContext(trust_roots=pdfseal.paper_signer().roots(), allow_fetching=False)
    status = asyncio.run(async_validate_pdf_signature(seal, context))
    assert status.bottom_line
    assert status.docmdp_ok
    assert seal.docmdp_level == MDPPerm.NO_CHANGES
    assert "演示" in seal.signer_cert.subject.native["common_name"]

    assert _by_file(pdf).answer is Answer.INTACT
    contents = pdf.index(b"/Contents <")
    for place in (5, len(pdf) // 3, contents - 200, contents + 400, contents + 4_000, contents + 8_100, len(pdf) - 9):
        altered = bytearray(pdf)
        altered[place] ^= 1
        assert _by_file(bytes(altered)).answer is Answer.ALTERED, place
    assert pdfseal.examine(pdf[:5] + b"9" + pdf[6:]).seal is pdfseal.Seal.BROKEN
    assert _by_file(pdf + b"\n%more").answer is Answer.ALTERED
    # Without the mark in the metadata it is the broken seal that tells.
    assert _by_file(pdf.replace(b"JIEXU-", b"other-")).answer is Answer.ALTERED

    # A newer sealed version of the sheet.
    newer = Sheet.objects.get(case=case)
    newer.pk, newer.version = None, 2
    newer.save()
    for verified in (_by_file(pdf), _by_code(paper.code)):
        assert (verified.answer, verified.kind.en) == (Answer.SUPERSEDED, "Information sheet")
        assert (verified.agency, verified.issued_at) == (case.outbound_agency.name, LATER)


def test_a_seal_of_others_and_a_paper_of_nobody_are_unknown(world, settings):
    case = world.carry(world.accepted(), "approve_out")
    paper = Paper.objects.select_related("case__person", "agency").get(case=case, kind="sheet")
    made = typeset(as_set(said_by(paper), paper), at=MONDAY)
    assert _by_code(paper.code).answer is Answer.UNKNOWN, "not issued yet"
    assert _by_file(made.pdf).answer is Answer.UNKNOWN
    settings.LOOKUP_KEY = b"another installation's own key.."
    foreign = pdfseal.seal_pdf(made, agency_code="450100", agency_name="别处", title="x")
    settings.LOOKUP_KEY = b"0123456789abcdef0123456789abcdef"
    assert pdfseal.examine(foreign).seal is pdfseal.Seal.FOREIGN
    assert _by_file(foreign).answer is Answer.UNKNOWN
    assert _by_code(draw()).answer is Answer.UNKNOWN
    for wrong in (b"", b"GIF89a", b"x%PDF-1.7", b"%PDF-" + b"0" * verification.MAX_BYTES):
        with pytest.raises(Refusal) as caught:
            _by_file(wrong)
        assert caught.value.code == "J-NOT-PDF"
    assert _by_file(b"%PDF-1.7 nothing more").answer is Answer.UNKNOWN


def test_an_issued_paper_never_changes_and_a_damaged_file_is_not_given_out(world):
    case = world.carry(world.accepted(), "approve_out")
    papers.make_waiting(now=LATER)
    paper = Paper.objects.get(case=case, kind="sheet")
    lead = actor_for(world.in_handler)
    assert papers.open_paper(lead, case.pk, paper.pk).pdf.startswith(b"%PDF-1.7")
    for statement in (
        "UPDATE transfers_paper SET code = 'X' WHERE id = %s",
        "DELETE FROM transfers_paper WHERE id = %s",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [paper.pk])
    path = store._path(paper.sha256)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Refusal) as caught:
        papers.open_paper(lead, case.pk, paper.pk)
    assert caught.value.code == "J-PAPER-DAMAGED"


def test_the_person_gets_their_own_papers_and_not_those_between_agencies(world):
    case = world.carry(world.accepted(), "credit_account")
    mine = {paper.kind for paper in papers.papers_of(person_actor(case), case)}
    assert {"acceptance", "sheet", "in_confirmed", "credited", "done"} <= mine
    assert "completion" not in mine
    notice = Paper.objects.get(case=case, kind="acceptance")
    assert notice.status == "pending", "made when it is first asked for"
    opened = papers.open_paper(person_actor(case), case.pk, notice.pk, now=LATER)
    assert opened.paper.status == "ready"
    assert opened.filename == f"{case.number}-SL-{notice.version:02d}.pdf"
    assert papers.open_paper(person_actor(case), case.pk, notice.pk).pdf == opened.pdf
    between = Paper.objects.get(case=case, kind="completion")
    for actor, pk in ((person_actor(case), between.pk), (actor_for(world.stranger), notice.pk)):
        with pytest.raises(Refusal) as caught:
            papers.open_paper(actor, case.pk, pk)
        assert caught.value.code == "J-NOT-FOUND"


# --- characters that no font has -----------------------------------------------------------------


def test_a_name_that_the_font_lacks_goes_to_the_manual_queue_and_never_to_a_wrong_glyph(world):
    # 𠮷 is common enough in names, and in neither of the fonts.
    case = world.accepted()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE transfers_transfercase SET name = '测\U00020bb7' WHERE id = %s", [case.pk])
        cursor.execute("UPDATE transfers_enrolment SET name = '测\U00020bb7'")
    case = world.carry(case, "approve_out")
    assert papers.make_waiting(now=LATER).by_hand == 1
    paper = Paper.objects.get(case=case, kind="sheet")
    assert (paper.status, paper.missing, paper.sha256) == ("manual", "\U00020bb7", "")
    with pytest.raises(Refusal) as caught:
        papers.open_paper(person_actor(case), case.pk, paper.pk)
    assert caught.value.code == "J-PAPER-BY-HAND"
    assert case.outbound_agency.phone in caught.value.zh
    assert not papers.manual_queue(actor_for(world.in_handler)).exists(), "it is the outbound agency's"
    with pytest.raises(Refusal) as caught:
        papers.issue_by_hand(actor_for(world.in_handler), paper.pk)
    assert caught.value.code == "J-NOT-FOUND"
    assert papers.manual_queue(actor_for(world.out_handler)).get() == paper
    papers.issue_by_hand(actor_for(world.out_handler), paper.pk, now=LATER)
    assert not papers.manual_queue(actor_for(world.out_handler)).exists()
    verified = _by_code(paper.printed_code.lower())
    assert (verified.answer, verified.by_hand) == (Answer.INTACT, True)


def test_a_missing_glyph_in_the_name_of_the_seal_is_an_error_too():
    with pytest.raises(MissingGlyphs) as caught:
        seal_face("某\U0003134f市医保中心", "演示章", "DEMO")
    assert caught.value.characters == "\U0003134f"


# --- on request ----------------------------------------------------------------------------------


def test_letter_and_certificate_are_issued_on_request_by_the_right_side_once(world):
    case = world.accepted()
    out, into = actor_for(world.out_handler), actor_for(world.in_handler)
    assert papers.issuable(out, case, now=MONDAY) == [PaperKind.CERTIFICATE]
    assert papers.issuable(into, case, now=MONDAY) == [PaperKind.CONTACT_LETTER]
    certificate = papers.issue(out, case.pk, "certificate", now=MONDAY)
    assert certificate.facts["content"]["months_total"] == 72
    assert papers.issue(out, case.pk, "certificate", now=MONDAY) == certificate
    assert papers.issue(into, case.pk, "contact_letter", now=MONDAY).agency_id == case.inbound_agency_id
    assert papers.make_waiting(now=LATER).made == 2
    for actor, kind, code in (
        (into, "certificate", "J-NOT-YOURS"),
        (out, "overdue", "J-PAPER-NOT-NOW"),
        (out, "sheet", "J-PAPER-NOT-NOW"),
        (actor_for(world.stranger), "certificate", "J-NOT-FOUND"),
    ):
        with pytest.raises(Refusal) as caught:
            papers.issue(actor, case.pk, kind, now=MONDAY)
        assert caught.value.code == code
    late = MONDAY + timedelta(days=30)
    with pytest.raises(Refusal) as caught:
        papers.issue(out, case.pk, "overdue", now=late)
    assert caught.value.code == "J-NOTE"
    assert papers.issue(out, case.pk, "overdue", note="历史数据核对", now=late).facts["due_on"] == "2026-06-15"


# --- small things --------------------------------------------------------------------------------


def test_codes_are_read_as_people_type_them():
    code = "0123456789ABCDEF"
    assert parse(" ｏi23-4567-89ab-cdef ") == code
    assert Paper(code=code).printed_code == "0123-4567-89AB-CDEF"
    assert len({draw() for _ in range(1000)}) == 1000
    for wrong in ("", "0123", "0123-4567-89AB-CDEU", "0123456789ABCDEF0"):
        with pytest.raises(Refusal) as caught:
            parse(wrong)
        assert caught.value.code == "J-PAPER-CODE"


def test_too_many_checks_from_one_address_are_refused(db):
    for _ in range(int(verification.BY_ADDRESS.capacity)):
        _by_code("0123456789ABCDEF")
    with pytest.raises(Refusal) as caught:
        _by_code("0123456789ABCDEF")
    assert caught.value.code == "J-TOO-MANY"
    assert verification.by_code("0123456789ABCDEF", origin="192.0.2.2", now=LATER).answer is Answer.UNKNOWN


def test_the_demonstration_keys_are_the_same_each_time_and_say_what_they_are(settings):
    def made() -> tuple[asn1_x509.Certificate, Any]:
        pdfseal._demonstration.cache_clear()
        pdfseal._authority.cache_clear()
        signer = pdfseal.DemonstrationPaperSigner().signer("450100", "南宁市医疗保障经办中心")
        return signer.signing_cert, pdfseal.DemonstrationPaperSigner().roots()[0]

    certificate, root = made()
    again, root_again = made()
    assert (certificate.dump(), root.dump()) == (again.dump(), root_again.dump())
    assert "演示" in root.subject.native["common_name"]
    assert ec.SECP256R1.name == certificate.public_key.curve[1]
    settings.LOOKUP_KEY = b"another installation's own key.."
    assert made()[0].public_key.dump() != certificate.public_key.dump()


def test_the_templates_hold_no_words_of_people():
    """Everything that is told comes as data: the templates read it from JSON and never evaluate it."""
    for path in (Path(pdfseal.__file__).parent / "papers" / "forms").glob("*.typ"):
        assert "eval(" not in path.read_text()
