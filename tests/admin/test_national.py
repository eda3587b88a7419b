"""The case page under the national codes, and the file that it gives."""

from __future__ import annotations

import jsonschema_rs
import pytest

from tests.admin.conftest import address
from tests.world import identity_number
from transfers.documents.nationalform import schema
from transfers.models import AccessEvent

pytestmark = pytest.mark.django_db


def test_the_card_and_both_files(world, signed_in):
    case = world.carry(world.accepted(), "approve_out")
    client = signed_in(world.out_handler)
    page = client.get(address("change", case.pk)).content.decode()
    assert "T2101 转移申请通知单" in page
    assert "T2102 缴费年限和缴费时段" in page
    masked = client.get(address("national", case.pk))
    assert "attachment" in masked["Content-Disposition"]
    assert identity_number(1) not in masked.content.decode()
    assert not AccessEvent.objects.filter(kind="unmask").exists()
    full = client.post(address("national", case.pk))
    assert full.json()["nodes"][0]["content"]["certno"] == identity_number(1)
    assert AccessEvent.objects.filter(kind="unmask", outcome="shown", user=world.out_handler).count() == 1
    judge = jsonschema_rs.Draft202012Validator(schema())
    for response in (masked, full):
        assert judge.is_valid(response.json())
        assert response["Cache-Control"].startswith("no-store, private")
    # Who only watches sees the masked file; strangers see none.
    watcher = signed_in(world.out_province)
    assert watcher.get(address("national", case.pk)).status_code == 200
    assert watcher.post(address("national", case.pk)).status_code == 403
    assert signed_in(world.stranger).get(address("national", case.pk)).status_code == 404
