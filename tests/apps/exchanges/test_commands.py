import io
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from alphapulse.exchanges.ccxt.permissions import MAY_WITHDRAW
from alphapulse.sandbox.testing import SandboxServer
from apps.audit.models import AuditEntry
from apps.exchanges import keys
from apps.exchanges.models import ExchangeAccount
from apps.users.models import User
from tests.apps.builders import account, workspace
from tests.apps.exchanges.test_services import REPORT

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def sandbox():
    with SandboxServer(markets=60) as server:
        yield server


@pytest.fixture
def bybit(sandbox, settings):
    """The arguments of a key at the sandbox's Bybit."""
    settings.SANDBOX_URL = sandbox.url
    workspace()

    def arguments(**rights) -> dict[str, str]:
        made = sandbox.create_account("bybit", holdings={"USDT": "1000"}, **rights)
        named = {"workspace": "family", "exchange": "bybit", "label": "main", "environment": "sandbox"}
        return named | {"api_key": made.api_key, "secret": made.secret}

    return arguments


def add(**options) -> tuple[str, str]:
    """Standard output and standard error."""
    out, err = StringIO(), StringIO()
    call_command("add_account", **options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_add_account_says_what_the_key_may_do(bybit):
    out, err = add(**bybit())

    assert "Added main (bybit, sandbox) as account" in out
    for line in ("reads unified, funding", "may trade", "may not withdraw"):
        assert f"  - {line}" in out
    assert f"  - belongs to account {ExchangeAccount.objects.get().exchange_uid} there" in out
    assert "WARNING: This key may WITHDRAW" not in err
    assert ExchangeAccount.objects.get().label == "main"


def test_add_account_warns_of_a_key_that_may_withdraw(bybit):
    given = bybit(can_withdraw=True)
    with pytest.raises(CommandError, match="--may-withdraw"):
        add(**given)
    _, err = add(**given, may_withdraw=True)
    assert f"WARNING: {MAY_WITHDRAW}" in err


def test_add_account_tells_no_secret(bybit):
    given = bybit()
    told = "".join(add(**given))
    assert given["secret"] not in told
    assert given["api_key"] not in told


def test_the_secret_comes_from_standard_input(bybit, monkeypatch):
    given = bybit()
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{given['secret']}\n"))
    add(**given | {"secret": "-"})
    assert ExchangeAccount.objects.get().open_credentials().secret == given["secret"]


def test_without_a_secret_and_without_a_terminal_it_says_how_to_give_one(bybit, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(CommandError, match=r"No secret given: pass `--secret -`"):
        add(**bybit() | {"secret": None})


def test_standard_input_that_ends_early_is_an_error(bybit, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="Standard input ended where the secret was expected"):
        add(**bybit() | {"secret": "-"})


def test_a_wrong_secret_stores_nothing_and_says_what_to_do(bybit):
    with pytest.raises(CommandError, match=r"Nothing was stored. Bybit: .* Check the key at the exchange"):
        add(**bybit() | {"secret": "not-the-secret"})
    assert not ExchangeAccount.objects.exists()


def test_what_the_sandbox_does_not_speak_is_said_so_and_not_as_a_sync_would(bybit):
    with pytest.raises(CommandError, match="The sandbox exchange speaks Binance and Bybit only") as problem:
        add(**bybit() | {"exchange": "kraken", "secret": "c2VjcmV0"})
    assert "stored rows" not in str(problem.value)


def test_a_live_account_is_called_so_before_and_after(bybit, monkeypatch):
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    given = bybit()
    del given["environment"]
    out, err = add(**given)
    assert "Checking the key with the LIVE bybit ..." in err
    assert "It is a LIVE account" in out
    with pytest.raises(
        CommandError, match=r"This was meant for the LIVE bybit; the sandbox exchange is `--environment"
    ):
        add(**given)


def test_an_unknown_workspace_names_those_that_are_near(bybit):
    with pytest.raises(CommandError, match=r"no workspace called 'famly'. There are: family"):
        add(**bybit() | {"workspace": "famly"})


def test_an_unknown_exchange_names_those_that_are_near(bybit):
    with pytest.raises(CommandError, match="Did you mean bybit"):
        add(**bybit() | {"exchange": "bybitt"})


def test_a_key_is_stored_unchecked_where_that_is_asked_for(bybit):
    out, _ = add(**bybit() | {"secret": "not-the-secret", "no_check": True})
    assert "not checked yet" in out
    assert ExchangeAccount.objects.get().permissions_checked_at is None


# --- demo ---------------------------------------------------------------------------------------------------------


def demo(**options) -> str:
    out = StringIO()
    call_command("demo", **options, stdout=out)
    return out.getvalue()


def test_the_demo_user_may_see_everything_and_owns_two_accounts(sandbox, settings, monkeypatch):
    settings.SANDBOX_URL = sandbox.url
    monkeypatch.setenv("DEMO_PASSWORD", "a-password-of-a-test")
    told = demo()

    assert "created user demo" in told
    assert "password" not in told
    user = User.objects.get(username="demo")
    assert user.is_superuser
    assert user.is_staff
    assert user.check_password("a-password-of-a-test")
    accounts = ExchangeAccount.objects.filter(workspace__memberships__user=user).order_by("label")
    assert [(account.label, account.environment) for account in accounts] == [
        ("demo-binance", "sandbox"),
        ("demo-bybit", "sandbox"),
    ]
    for exchange_id in ("binance", "bybit"):
        owned = sandbox.account(exchange_id, f"demo-{exchange_id}")
        assert len(owned["positions"]) >= 2
        assert owned["open_orders"] >= 2
    wallets = sandbox.account("binance", "demo-binance")["balances"]
    assert set(wallets) == {"spot", "funding", "earn", "earn-locked", "futures", "delivery", "margin"}


def test_the_demo_changes_nothing_when_it_is_run_again(sandbox, settings, monkeypatch):
    settings.SANDBOX_URL = sandbox.url
    demo()
    sealed = list(ExchangeAccount.objects.order_by("pk").values_list("sealed_credentials", flat=True))
    monkeypatch.setenv("DEMO_PASSWORD", "another-password")

    assert demo() == ""
    assert list(ExchangeAccount.objects.order_by("pk").values_list("sealed_credentials", flat=True)) == sealed
    assert not User.objects.get(username="demo").check_password("another-password")


def test_a_password_that_nobody_gave_is_printed_once(monkeypatch):
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    told = demo(user_only=True).splitlines()

    assert told[0] == "created user demo"
    password = told[1].removeprefix("password: ")
    assert User.objects.get(username="demo").check_password(password)
    assert demo(user_only=True) == ""


def test_the_demo_without_a_sandbox_says_what_is_missing(settings):
    settings.SANDBOX_URL = ""
    with pytest.raises(CommandError, match="SANDBOX_URL is not set"):
        demo()
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match=r"The sandbox exchange at http://127.0.0.1:1 does not answer"):
        demo()


# --- Removing -----------------------------------------------------------------------------------------------------


def test_an_account_is_deleted_only_when_that_is_said_and_its_credentials_are_erased():
    account("old")
    with pytest.raises(CommandError, match=r"would delete old \(binance, sandbox\).*Nothing was deleted"):
        call_command("remove_account", account="old")
    assert ExchangeAccount.objects.live().exists()
    out = StringIO()
    call_command("remove_account", account="old", yes=True, stdout=out)
    assert out.getvalue().startswith("Deleted old (binance, sandbox) of family")
    gone = ExchangeAccount.objects.get()
    assert (gone.sealed_credentials, gone.key_fingerprint, gone.is_enabled) == ("", "", False)
    entry = AuditEntry.objects.get(action="account.archived")
    assert (entry.actor, entry.via.startswith("command remove_account by ")) == (None, True)
