import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from io import StringIO
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from alphapulse.types import Credentials
from apps.audit.models import AuditEntry
from apps.core.encryption import new_key
from apps.exchanges.models import ExchangeAccount
from apps.system.services import rotation
from apps.users.models import TwoFactor
from config.env import ROOT
from tests.apps.builders import account, workspace

CREDENTIALS = "credentials of accounts"
BOTH = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def rotated(settings):
    """An account and a two-factor secret sealed with the old key; from now on the new one seals."""
    settings.CREDENTIAL_KEYS = old = new_key("old")
    mine = account()
    two_factor = TwoFactor(user=mine.workspace.memberships.get().user)
    two_factor.set_secret("JBSWY3DPEHPK3PXP")
    two_factor.save()
    settings.CREDENTIAL_KEYS = f"{new_key('new')},{old}"
    return mine


def rotate(*options: str) -> str:
    told = StringIO()
    call_command("rotate_keys", *options, stdout=told, stderr=told)
    return told.getvalue()


def keys_of_accounts() -> Counter[str]:
    return rotation.by_key()[CREDENTIALS]


class TestHere:
    pytestmark = BOTH

    def test_what_an_old_key_sealed_is_sealed_with_the_new_one_which_is_then_enough(self, rotated, settings):
        assert "2 rows sealed anew" in rotate()
        settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS.partition(",")[0]
        rotated.refresh_from_db()
        assert rotated.open_credentials().secret == "secret of main"
        assert TwoFactor.objects.get().open_secret() == "JBSWY3DPEHPK3PXP"
        assert "0 rows sealed anew" in rotate()

    def test_check_says_what_each_key_has_sealed_and_changes_nothing(self, rotated):
        told = StringIO()
        with pytest.raises(CommandError, match="2 rows not sealed with 'new' yet"):
            call_command("rotate_keys", "--check", stdout=told)
        assert f"{CREDENTIALS}: 1 with 'old'" in told.getvalue()
        assert keys_of_accounts() == {"old": 1}
        rotate()
        assert f"{CREDENTIALS}: 1 with 'new'" in rotate("--check")

    def test_the_audit_tells_that_it_began_and_how_it_ended(self, rotated):
        rotate()
        begun, ended = AuditEntry.objects.filter(action__startswith="keys.").order_by("pk")
        assert (begun.action, begun.target, begun.details["rows"]) == ("keys.rotation_begun", "credential keys", 2)
        assert (ended.action, ended.details) == ("keys.rotated", {"key": "new", "rows": 2, "left": 0})

    def test_credentials_that_are_entered_at_the_same_time_stay(self, rotated, monkeypatch):
        really = rotation.seal_anew

        def while_somebody_enters_others(sealed: str, *, bound_to: str) -> str:
            if "exchange account" in bound_to:
                fresh = ExchangeAccount.objects.get(pk=rotated.pk)
                fresh.set_credentials(Credentials(api_key="another", secret="entered meanwhile", password=""))
                fresh.save()
            return really(sealed, bound_to=bound_to)

        monkeypatch.setattr(rotation, "seal_anew", while_somebody_enters_others)
        assert "1 row sealed anew" in rotate()
        rotated.refresh_from_db()
        assert rotated.open_credentials().secret == "entered meanwhile"

    def test_a_row_that_no_key_opens_is_named_and_the_others_are_done(self, rotated, settings):
        lost = account("lost")
        settings.CREDENTIAL_KEYS, kept = new_key("gone"), settings.CREDENTIAL_KEYS
        lost.set_credentials(Credentials(api_key="k", secret="s", password=""))
        lost.save()
        settings.CREDENTIAL_KEYS = kept
        for options in ([], ["--check"]):
            told = StringIO()
            with pytest.raises(CommandError, match="1 row cannot be opened"):
                call_command("rotate_keys", *options, stdout=told, stderr=told)
            assert "lost (binance, sandbox): The encryption key 'gone' is not among CREDENTIAL_KEYS." in told.getvalue()
        assert keys_of_accounts() == {"gone": 1, "new": 1}

    def test_what_was_erased_is_left_alone(self, rotated):
        ExchangeAccount.objects.update(sealed_credentials="")
        assert "1 row sealed anew" in rotate()
        assert ExchangeAccount.objects.get().sealed_credentials == ""

    def test_many_rows_are_done_in_parts(self, rotated, monkeypatch):
        monkeypatch.setattr(rotation, "CHUNK", 2)
        for number in range(5):
            account(f"another {number}")
        assert "2 rows sealed anew" in rotate()
        assert keys_of_accounts() == {"new": 6}


def test_every_sealed_column_of_every_model_is_rotated():
    there_are = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("sealed_")
    }
    assert there_are == {(column.model, column.field) for column in rotation.COLUMNS}


# The kill: a process of its own, over a database of its own.

ROWS, PATIENCE = 3000, 280
MAKE = f"""
from tests.apps.system.test_rotate_keys import make_accounts
make_accounts({ROWS})
"""


def make_accounts(number: int) -> None:
    owner = workspace()
    made = [
        ExchangeAccount(workspace=owner, exchange_id="binance", environment="sandbox", label=f"account {n}")
        for n in range(number)
    ]
    for each in made:
        each.set_credentials(Credentials(api_key=f"key of {each.label}", secret=f"secret of {each.label}", password=""))
    ExchangeAccount.objects.bulk_create(made)


class Elsewhere:
    """A system of a test's own, as its commands see it."""

    def __init__(self, home: str, database: str) -> None:
        self.old, self.new = new_key("old"), new_key("new")
        own = {"SECRET_KEY": "only-for-a-test-" + "x" * 50, "HTTPS": "false", "DATABASE_URL": database}
        own |= {"ALPHAPULSE_HOME": home, "DJANGO_SETTINGS_MODULE": "config.settings"}
        self.environment = {**os.environ, **own, "CREDENTIAL_KEYS": self.old}

    def manage(self, *argv: str, stderr: int | None = None) -> subprocess.Popen[str]:
        argv, pipe = (sys.executable, "manage.py", *argv), subprocess.PIPE
        return subprocess.Popen(argv, cwd=ROOT, env=self.environment, stdout=pipe, stderr=stderr, text=True)

    def managed(self, *argv: str) -> str:
        process = self.manage(*argv)
        told, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, told
        return told

    def check(self) -> tuple[dict[str, int], str]:
        """How many rows each key has sealed; and what `--check`, which opens every one, says is wrong."""
        with self.manage("rotate_keys", "--check", stderr=subprocess.PIPE) as process:
            told, wrong = process.communicate(timeout=PATIENCE)
        line = next(line for line in told.splitlines() if line.startswith(CREDENTIALS))
        found = re.findall(r"([\d,]+) with '(\w+)'", line)
        return {key_id: int(rows.replace(",", "")) for rows, key_id in found}, wrong


@pytest.fixture(params=["sqlite", "postgres"])
def elsewhere(request, tmp_path) -> Elsewhere:
    if request.param == "sqlite":
        return Elsewhere(str(tmp_path), f"sqlite:///{tmp_path / 'own.sqlite3'}")
    url = request.getfixturevalue("postgres_url")
    with closing(psycopg2.connect(url)) as session:
        session.autocommit = True
        session.cursor().execute("CREATE DATABASE rotated")
    return Elsewhere(str(tmp_path), urlsplit(url)._replace(path="/rotated").geturl())


@pytest.mark.slow
def test_a_rotation_that_is_killed_half_way_leaves_everything_readable_and_the_next_run_ends_it(elsewhere):
    elsewhere.managed("migrate", "-v", "0")
    elsewhere.managed("shell", "-v", "0", "-c", MAKE)
    elsewhere.environment["CREDENTIAL_KEYS"] = f"{elsewhere.new},{elsewhere.old}"

    with elsewhere.manage("rotate_keys") as running:
        while not running.stdout.readline().startswith("200 of"):
            assert running.poll() is None
        running.kill()
    assert running.returncode == -signal.SIGKILL

    counts, wrong = elsewhere.check()
    print(counts)
    assert counts["new"] >= 200
    assert counts["old"] > 0
    assert sum(counts.values()) == ROWS
    assert "not sealed with 'new' yet" in wrong
    assert "cannot be opened" not in wrong

    assert f"{counts['old']} rows sealed anew" in elsewhere.managed("rotate_keys")
    elsewhere.environment["CREDENTIAL_KEYS"] = elsewhere.new
    assert elsewhere.check() == ({"new": ROWS}, "")
