"""What production is like: settings from its environment, in a process of their own, and what they make of answers."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import pytest
from django.test import Client

from apps.core.encryption import new_key
from config import env
from config.env import ROOT
from tests.production import FOREIGN, SETTINGS

TOLD = """
import json
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()}, default=repr))
"""


def start(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process with production's environment, and an empty home."""
    with tempfile.TemporaryDirectory() as home:
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment = {**inherited, **SETTINGS, "ALPHAPULSE_HOME": home, **variables}
        return subprocess.run(
            [sys.executable, *argv], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
        )


@pytest.fixture(scope="module")
def production() -> dict[str, Any]:
    done = start("-c", TOLD, CORS_ALLOWED_ORIGINS="https://app.example.org")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def site(production, settings) -> Client:
    """Who speaks to it over the proxy's HTTPS."""
    for name in production:
        if name.startswith(("SECURE_", "CSRF_", "SESSION_COOKIE", "CORS_ALLOWED", "ALLOWED_")):
            value = production[name]
            setattr(settings, name, tuple(value) if name == "SECURE_PROXY_SSL_HEADER" else value)
    return Client(HTTP_HOST="alphapulse.example", HTTP_X_FORWARDED_PROTO="https")


def test_djangos_own_check_finds_nothing_to_warn_of():
    done = start("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_without_a_word_in_the_environment_it_is_the_safe_way(production):
    assert production["DEBUG"] is False
    assert production["STAFF_TWO_FACTOR"] is True
    assert production["PASSWORD_HASHERS"][0] == "apps.users.hashers.Argon2"


def test_hosts_and_origins_are_the_environments(production):
    assert production["ALLOWED_HOSTS"] == ["alphapulse.example"]
    assert production["CSRF_TRUSTED_ORIGINS"] == ["https://alphapulse.example"]
    assert production["CORS_ALLOWED_ORIGINS"] == ["https://app.example.org"]
    assert not production.get("CORS_ALLOW_ALL_ORIGINS")


@pytest.mark.django_db
def test_cookies_travel_over_https_alone_and_no_script_reads_them(site, production):
    answer = site.get("/admin/login/")
    cookie = answer.cookies["__Host-csrf"]
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
    assert production["SESSION_COOKIE_NAME"] == "__Host-session"
    assert (production["SESSION_COOKIE_SECURE"], production["SESSION_COOKIE_HTTPONLY"]) == (True, True)
    assert production["SESSION_COOKIE_SAMESITE"] == "Lax"


@pytest.mark.django_db
def test_browsers_are_told_to_come_by_https_alone_for_a_year(site):
    told = site.get("/admin/login/")["Strict-Transport-Security"]
    assert told == "max-age=31536000; includeSubDomains; preload"


def test_who_comes_by_http_is_sent_to_https_and_probes_are_answered(site):
    plain = Client(HTTP_HOST="alphapulse.example")
    answer = plain.get("/api/exchange/balance")
    assert (answer.status_code, answer["Location"]) == (301, "https://alphapulse.example/api/exchange/balance")
    assert plain.get("/healthz").status_code == 200


def test_another_host_is_refused(site):
    assert site.get("/api/exchange/balance", HTTP_HOST="evil.example").status_code == 400


def test_without_a_declared_proxy_its_headers_are_the_visitors_own_words(site, settings):
    settings.SECURE_PROXY_SSL_HEADER = None
    assert Client(HTTP_HOST="alphapulse.example", HTTP_X_FORWARDED_PROTO="https").get("/admin/").status_code == 301


# --- Secrets ------------------------------------------------------------------------------------------------------

HINT = "Make one."
GUESSABLE = {
    "empty": "",
    "short": "k" * 10 + "abcdefghijklmn",
    "one letter": "x" * 80,
    "Django's": "django-insecure-" + "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl",
    "an example's": "change-me-" + "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl",
}


@pytest.mark.parametrize("value", GUESSABLE.values(), ids=GUESSABLE)
def test_a_secret_that_could_be_guessed_is_refused_and_not_quoted(monkeypatch, value):
    monkeypatch.setenv("A_SECRET", value)
    with pytest.raises((env.MissingSetting, env.MalformedSetting), match="A_SECRET") as problem:
        env.secret("A_SECRET", HINT)
    assert HINT in str(problem.value)
    assert not value or value not in str(problem.value)


def test_a_random_secret_is_taken(monkeypatch):
    monkeypatch.setenv("A_SECRET", SETTINGS["SECRET_KEY"])
    assert env.secret("A_SECRET", HINT) == SETTINGS["SECRET_KEY"]


@pytest.mark.parametrize("name", ["SECRET_KEY", "CREDENTIAL_KEYS", "AUDIT_SEAL_KEYS"])
def test_production_does_not_start_without_a_secret_or_with_a_default_one(name):
    for value in ("", GUESSABLE["an example's"]):
        refused = start("-c", "from django.conf import settings; settings.DEBUG", **{name: value})
        assert refused.returncode != 0
        assert name in refused.stderr
        assert not value or value not in refused.stderr.splitlines()[-1]


def test_a_key_of_the_credentials_does_not_seal_the_audit():
    key = new_key("same")
    refused = start("-c", "from django.conf import settings; settings.DEBUG", CREDENTIAL_KEYS=key, AUDIT_SEAL_KEYS=key)
    assert refused.returncode != 0
    assert "AUDIT_SEAL_KEYS has a key of CREDENTIAL_KEYS" in refused.stderr
