"""The dry run over the API: the answer of an application, without one."""

from __future__ import annotations

from tests.api.conftest import make_caller
from tests.world import application, identity_number, person
from transfers.models import AccessEvent, CaseEvent, Enrolment, Person, TransferCase
from transfers.registry import OwnTables, RegistryUnavailable

CASE = {"name", "identity_type", "identity_number", "outbound_area", "inbound_area"}


def asked(serial: int = 1, **more: str) -> dict[str, str]:
    return {name: value for name, value in application(serial, **more).items() if name in CASE | more.keys()}


def test_it_answers_as_an_application_would_and_stores_none(caller, monkeypatch):
    mover = person(1)
    answer = caller.post("/precheck", asked())
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["outcome"], said["failures"]) == ("accepted", [])
    # Paid until April 2026, enrolled in Hangzhou since May: 72 months and no gap.
    assert (said["advice"]["result"], said["advice"]["gap_months"]) == ("continuous", 0)
    assert said["months"]["employee"]["total"] == 72
    assert "450100 330100 partner=" in AccessEvent.objects.get(kind="precheck").detail

    Enrolment.objects.filter(person=mover, area="450100").update(arrears=True, person_number="A1", survival="2")
    Enrolment.objects.create(
        person=mover,
        area_id="450100",
        scheme="390",
        status="2",
        name="测试甲",
        valid_from="2019-01-01",
        person_number="A2",
    )
    said = caller.post("/precheck", asked()).json()
    assert said["outcome"] == "refused"
    assert [f["code"] for f in said["failures"]] == ["V-O-03", "V-P-04", "V-P-05"]
    first = said["failures"][0]
    assert (first["side"], first["switch"], first["value"], first["hard"]) == ("out", "arrears_rule", "block", False)
    assert first["policy"][0].startswith("100000 v")
    filed = caller.file(application(1)).json()
    assert [f["code"] for f in filed["failures"]] == ["V-O-03", "V-P-04", "V-P-05"]
    assert TransferCase.objects.count() == 1

    def away(self: OwnTables, *_args: object) -> None:
        raise RegistryUnavailable

    monkeypatch.setattr(OwnTables, "facts", away)
    said = caller.post("/precheck", asked()).json()
    assert said["outcome"] == "deferred"
    assert [(f["code"], f["side"], f["blocking"]) for f in said["failures"]] == [
        ("V-S-01", "out", False),
        ("V-S-01", "in", False),
    ]


def test_somebody_unknown_is_told_and_not_kept(caller):
    said = caller.post("/precheck", asked(7)).json()
    assert [f["code"] for f in said["failures"]] == ["V-O-02", "V-I-01"]
    assert not Person.objects.exists()
    assert not CaseEvent.objects.exists()


def test_what_is_wrong_is_told_by_field_and_who_may_not_is_refused(caller):
    wrong = caller.post("/precheck", {**asked(), "identity_number": "1", "phone": "13800000001", "inbound_area": "x"})
    assert wrong.status_code == 422
    assert wrong.json()["details"]["fields"].keys() == {"identity_number", "phone", "inbound_area"}
    assert identity_number(1) not in wrong.content.decode()
    only_reads = make_caller("只读平台", ("status",))
    assert only_reads.post("/precheck", asked()).status_code == 403
    assert not AccessEvent.objects.filter(kind="precheck").exists()
