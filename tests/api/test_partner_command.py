"""Partners are made, renewed and shut out by command."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.api.conftest import Caller
from transfers.models import Partner

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("partner", *words, stdout=out)
    return out.getvalue()


def key_in(text: str) -> str:
    return re.search(r"jx_[\w-]{40,}", text)[0]


def test_its_key_is_shown_once_and_works(client):
    key = key_in(run("create", "测试平台", "--scopes", "status"))
    partner = Partner.objects.get()
    assert partner.scopes == ["status"]
    assert bytes(partner.key_hash) == Partner.hash_key(key)
    assert key not in run("list")
    caller = Caller(partner, key, client)
    assert caller.get("/applications").status_code == 200
    assert caller.file({}).status_code == 403


def test_no_scope_that_was_not_asked_for():
    run("create", "测试平台")
    assert Partner.objects.get().scopes == ["apply", "status"]
    run("create", "参保登记系统", "--scopes", "enrol")
    assert Partner.objects.get(name="参保登记系统").scopes == ["enrol"]


def test_a_new_key_ends_the_old_one(client):
    old = key_in(run("create", "测试平台"))
    new = key_in(run("rotate", "测试平台"))
    partner = Partner.objects.get()
    assert Caller(partner, old, client).get("/applications").status_code == 401
    assert Caller(partner, new, client).get("/applications").status_code == 200


def test_disabled_and_enabled(client):
    caller = Caller(Partner(), key_in(run("create", "测试平台")), client)
    run("disable", "测试平台")
    assert caller.get("/applications").status_code == 401
    run("enable", "测试平台")
    assert caller.get("/applications").status_code == 200


def test_a_webhook_gets_a_signing_key():
    text = run("create", "测试平台", "--webhook-url", "https://hooks.example.com/jiexu")
    secret = Partner.objects.get().webhook_secret
    assert len(secret) >= 40
    assert secret in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "测试平台"), "already exists|已存在"),
        (("create", "另一个", "--scopes", "apply,admin"), "no scope admin"),
        (("create", "另一个", "--webhook-url", "not an address"), "URL|网址"),
        (("create", ""), "blank|空白|空"),
        (("rotate", "没有"), "no partner 没有"),
        (("disable", "没有"), "no partner 没有"),
    ],
)
def test_mistakes_are_one_sentence(words, said):
    run("create", "测试平台")
    with pytest.raises(CommandError, match=said):
        run(*words)
    assert Partner.objects.count() == 1
