"""What every answer tells browsers, and that no page needs more than that."""

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.core.clock import now
from apps.sync.models import SyncState
from apps.system.models import OpsEvent, Trouble
from tests.apps.builders import account, state
from tests.apps.pages import add_url, balance_of, list_url, logged_in, page_url, reading_of

pytestmark = [pytest.mark.django_db]

SCRIPTS = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)", re.I)
STYLES = re.compile(r"<style|\sstyle\s*=", re.I)
HANDLERS = re.compile(r"\son[a-z]+\s*=|javascript:", re.I)


def inline(page: str) -> list[str]:
    tags = re.findall(r"<[a-z][^>]*>", page, re.I)
    found = [each for each in SCRIPTS.findall(page) if "application/json" not in each]
    return found + [tag for tag in tags if STYLES.search(tag) or HANDLERS.search(tag)]


@pytest.fixture
def furnished() -> Client:
    client = logged_in()
    client.get("/admin/")  # the first request finds the pages
    mine = account(is_enabled=False, disabled_reason="the key was rejected")
    state(mine, failures=3, error="it does not answer", advice="Wait.")
    balance_of(reading_of(mine, status="failed", error="it does not answer"))
    at = now()
    OpsEvent.objects.create(
        kind=Trouble.REDIS_AWAY, subject="redis", message="It is away.", advice="Start it.", opened_at=at, seen_at=at
    )
    return client


def pages_of(model: type[Model]) -> Iterator[str]:
    yield list_url(model)
    yield add_url(model)
    for row in model._default_manager.all()[:1]:
        yield page_url(row)


def test_no_page_of_the_admin_has_anything_inline(furnished):
    seen = 0
    for path in ("/admin/", "/admin/password_change/", *(p for model in admin.site._registry for p in pages_of(model))):
        answer = furnished.get(path)
        if answer.status_code == 403:
            continue
        assert answer.status_code == 200, path
        assert inline(answer.content.decode()) == [], path
        seen += 1
    assert seen > len(admin.site._registry)
    assert "alarming" in furnished.get(list_url(SyncState)).content.decode()


def test_neither_the_login_nor_the_docs_have_anything_inline():
    for path in ("/admin/login/", "/api/docs/"):
        assert inline(Client().get(path).content.decode()) == []


@pytest.mark.parametrize("path", ["/admin/login/", "/api/docs/", "/api/schema/", "/api/exchange/balance", "/nothing"])
def test_every_answer_says_that_everything_comes_from_here_and_nothing_is_framed(path):
    answer = Client().get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def ask(origin: str, path: str = "/api/exchange/balance", method: str = "OPTIONS"):
    headers = {"HTTP_ORIGIN": origin, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
    return APIClient().generic(method, path, **headers)


def test_only_declared_origins_may_call_the_api_and_none_the_admin(settings):
    assert "Access-Control-Allow-Origin" not in ask("https://evil.example")
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    allowed = ask("https://app.example.org")
    assert (allowed.status_code, allowed["Access-Control-Allow-Origin"]) == (200, "https://app.example.org")
    assert "authorization" in allowed["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in allowed
    assert "Access-Control-Allow-Origin" not in ask("https://evil.example")
    assert "Access-Control-Allow-Origin" not in ask("https://app.example.org", reverse("admin:login"))
    told = ask("https://app.example.org", method="GET")
    assert (told.status_code, "ETag" in told["Access-Control-Expose-Headers"]) == (401, True)
