from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection

from alphapulse.exchanges.ccxt.permissions import MAY_WITHDRAW
from alphapulse.exchanges.errors import RateLimited
from alphapulse.exchanges.route import Route
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, Environment, KeyReport
from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.exchanges import health, keys, services
from apps.exchanges.keys import AccountRefused, in_words
from apps.exchanges.models import AccountGroup, ExchangeAccount
from apps.exchanges.services import change_account, groups
from apps.exchanges.signals import account_changed, account_created
from tests.apps.builders import NOON, account, audited, workspace

GOOD = Credentials(api_key="a-good-key", secret="a-good-secret")
OTHER = Credentials(api_key="another-good-key", secret="another-good-secret")
REPORT = KeyReport(
    wallets=("spot",),
    wallets_not_permitted=("usdm",),
    can_trade=True,
    can_withdraw=False,
    ip_restricted=None,
    expires_at=None,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def told():
    """The ids that were announced, by signal, in order."""
    heard = []

    def created(account_id, **_):
        heard.append(("created", account_id))

    def changed(account_id, **_):
        heard.append(("changed", account_id))

    account_created.connect(created)
    account_changed.connect(changed)
    yield heard
    account_created.disconnect(created)
    account_changed.disconnect(changed)


@pytest.fixture
def answers(monkeypatch):
    """What the exchange says of any key, in place of the network; and that no transaction is open meanwhile."""

    def script(report: KeyReport | Exception):
        def check(_account):
            if isinstance(report, Exception):
                raise report
            return report

        monkeypatch.setattr(keys, "check", check)

    return script


def add(**changes) -> ExchangeAccount:
    wanted = {"exchange_id": "binance", "label": "main", "credentials": GOOD, "environment": "sandbox"}
    return services.add_account(workspace=workspace(), **(wanted | changes))


def actions() -> list[str]:
    return list(audited().order_by("pk").values_list("action", flat=True))


# --- Adding -------------------------------------------------------------------------------------------------------


def test_a_new_account_keeps_its_key_sealed_and_what_the_key_may_do(answers):
    answers(REPORT)
    new = ExchangeAccount.objects.get(pk=add().pk)

    assert new.open_credentials() == GOOD
    assert GOOD.secret not in new.sealed_credentials
    assert new.permissions["wallets_not_permitted"] == ["usdm"]
    assert new.permissions_checked_at is not None
    assert new.is_enabled


def test_a_new_account_is_audited_and_announced_on_commit(answers, told, django_capture_on_commit_callbacks):
    answers(REPORT)
    actor = workspace().memberships.get().user
    with django_capture_on_commit_callbacks() as callbacks:
        new = add(actor=actor)
    assert told == []
    for callback in callbacks:
        callback()

    assert told == [("created", new.pk)]
    entry = audited().get()
    assert (entry.action, entry.target, entry.actor) == ("account.created", f"exchangeaccount:{new.pk}", actor)
    assert "a-good" not in str((entry.after, entry.details))


def test_nothing_is_stored_when_the_exchange_rejects_the_key(answers, told):
    answers(AccountRefused("Binance does not accept the key.", field="api_key"))
    with pytest.raises(AccountRefused, match="does not accept"):
        add()

    assert not ExchangeAccount.objects.exists()
    assert not audited().exists()
    assert told == []


def test_an_account_can_be_stored_unchecked_and_says_so(answers):
    answers(AccountRefused("never asked"))
    new = add(check=False)

    assert new.permissions == {}
    assert new.permissions_checked_at is None
    assert in_words(new.permissions) == ["not checked yet"]


def test_a_key_that_may_withdraw_is_refused_unless_its_owner_insists(answers):
    may_not = REPORT
    may = KeyReport(**{**_fields(REPORT), "can_withdraw": True})
    answers(may)
    with pytest.raises(AccountRefused, match="right to withdraw") as refusal:
        add()
    assert refusal.value.field == "api_key"
    assert not ExchangeAccount.objects.exists()
    answers(may_not)
    account = add()
    answers(may)
    with pytest.raises(AccountRefused, match="right to withdraw"):
        services.renew_credentials(account, OTHER)
    stored = ExchangeAccount.objects.get()
    assert stored.open_credentials() == GOOD
    services.renew_credentials(account, OTHER, may_withdraw=True)
    assert ExchangeAccount.objects.get().open_credentials() == OTHER


def test_a_key_that_may_withdraw_is_warned_of_loudly(answers):
    answers(KeyReport(**{**_fields(REPORT), "can_withdraw": True, "warnings": [MAY_WITHDRAW]}))
    new = add(may_withdraw=True)

    assert new.permissions["warnings"] == [MAY_WITHDRAW]
    assert "may WITHDRAW" in in_words(new.permissions)


def _fields(report: KeyReport) -> dict:
    return {name: getattr(report, name) for name in KeyReport.__slots__}


@pytest.mark.parametrize(
    ("changes", "words", "field"),
    [
        ({"exchange_id": "binanse"}, "no exchange called 'binanse'. Did you mean binance", "exchange_id"),
        ({"exchange_id": "qqqqqqq"}, "no exchange called 'qqqqqqq'. Any exchange id of ccxt will do", "exchange_id"),
        ({"exchange_id": "hyperliquid"}, "accounts of that kind are not supported", "exchange_id"),
        ({"environment": "test"}, "'test' is no environment: it is live or sandbox", "environment"),
        ({"label": "  "}, "needs a label", "label"),
        ({"label": "x" * 81}, "needs a label", "label"),
        ({"label": "two\nlines"}, "needs a label", "label"),
        ({"exchange_id": "okx"}, "OKX needs the password of the API key", "password"),
        ({"credentials": Credentials(api_key="", secret="s")}, "Binance needs the API key", "api_key"),
        ({"credentials": Credentials(api_key="k", secret=" ")}, "Binance needs the secret", "secret"),
        ({"credentials": Credentials(api_key="k k", secret="s")}, "has a blank or a line break", "api_key"),
        ({"credentials": Credentials(api_key="k\r\nX: y", secret="s")}, "has a blank or a line break", "api_key"),
    ],
)
def test_what_cannot_be_an_account_is_refused_before_the_network(answers, changes, words, field):
    answers(AssertionError("the exchange was asked"))
    with pytest.raises(AccountRefused, match=words) as refusal:
        add(**changes)

    assert refusal.value.field == field
    assert not ExchangeAccount.objects.exists()


def test_blanks_around_what_was_copied_do_not_matter(answers):
    answers(REPORT)
    new = add(exchange_id=" Binance ", label=" main ", credentials=Credentials(api_key=" k\n", secret="\ts "))

    assert (new.exchange_id, new.label) == ("binance", "main")
    assert new.open_credentials() == Credentials(api_key="k", secret="s")


def test_the_same_label_or_the_same_key_twice_is_refused_and_says_where_it_is(answers):
    answers(REPORT)
    add()
    other = Credentials(api_key="another-key", secret="another")
    with pytest.raises(AccountRefused, match="family already has an account called 'main'"):
        add(credentials=other)
    with pytest.raises(AccountRefused, match="already in use by the account 'main'"):
        add(label="second")

    add(label="second", credentials=other)


def test_another_workspace_or_environment_may_have_the_same_label_and_key(answers):
    answers(REPORT)
    add()
    add(label="live", environment="live")
    services.add_account(
        workspace=workspace("friends"), exchange_id="binance", label="main", credentials=GOOD, environment="sandbox"
    )

    assert ExchangeAccount.objects.count() == 3


def test_of_two_at_once_the_second_is_told_the_same(answers):
    """Both looked before either wrote."""
    answers(REPORT)
    first, second = (
        services.draft(workspace=workspace(), exchange_id="binance", label=label, credentials=GOOD)
        for label in ("one", "two")
    )
    services.store_new(first, REPORT, at=NOON)
    with pytest.raises(AccountRefused, match="already in use by the account 'one'"):
        services.store_new(second, REPORT, at=NOON)

    assert ExchangeAccount.objects.count() == 1
    assert actions() == ["account.created"]


# --- Changing -----------------------------------------------------------------------------------------------------


def test_an_account_is_disabled_once_with_its_reason(told, django_capture_on_commit_callbacks):
    mine = account()
    with django_capture_on_commit_callbacks(execute=True):
        assert services.disable_account(mine, reason="the key was rejected twice", at=NOON)
        assert not services.disable_account(mine, reason="again", at=NOON)

    stored = ExchangeAccount.objects.get()
    assert (stored.is_enabled, stored.disabled_reason) == (False, "the key was rejected twice")
    assert (mine.is_enabled, mine.disabled_reason) == (False, "the key was rejected twice")
    assert told == [("changed", mine.pk)]
    entry = AuditEntry.objects.get(action="account.disabled")
    assert (entry.before, entry.after) == (
        {"is_enabled": True},
        {"is_enabled": False, "reason": "the key was rejected twice"},
    )


def test_a_very_long_reason_is_cut_not_refused():
    mine = account()
    assert services.disable_account(mine, reason="x" * 1000, at=NOON)
    assert len(ExchangeAccount.objects.get().disabled_reason) == 300


def test_an_account_is_enabled_again_once(told, django_capture_on_commit_callbacks):
    mine = account(is_enabled=False, disabled_reason="holidays")
    with django_capture_on_commit_callbacks(execute=True):
        assert services.enable_account(mine, at=NOON)
        assert not services.enable_account(mine, at=NOON)

    stored = ExchangeAccount.objects.get()
    assert (stored.is_enabled, stored.disabled_reason) == (True, "")
    assert told == [("changed", mine.pk)]
    assert actions() == ["account.enabled"]


def test_new_credentials_replace_the_old_and_leave_a_disabled_account_disabled(
    answers, told, django_capture_on_commit_callbacks
):
    answers(REPORT)
    mine = account(is_enabled=False, disabled_reason="the key was rejected twice")
    with django_capture_on_commit_callbacks(execute=True):
        services.renew_credentials(mine, GOOD)

    stored = ExchangeAccount.objects.get()
    assert stored.open_credentials() == GOOD
    assert stored.permissions["wallets"] == ["spot"]
    assert not stored.is_enabled
    assert told == [("changed", mine.pk)]
    assert actions() == ["account.credentials_renewed"]


def test_a_key_that_is_accepted_enables_an_account_whose_old_key_was_rejected(answers):
    answers(REPORT)
    mine = account()
    assert services.reject_key(mine, reason="the key was rejected twice", at=NOON)
    services.renew_credentials(ExchangeAccount.objects.get(), GOOD)

    stored = ExchangeAccount.objects.get()
    assert (stored.is_enabled, stored.disabled_reason, stored.is_rejected) == (True, "", False)
    assert actions() == ["account.disabled", "account.credentials_renewed", "account.enabled"]


def test_a_new_key_that_nobody_checked_enables_nothing():
    mine = account()
    services.reject_key(mine, reason="the key was rejected twice", at=NOON)
    services.renew_credentials(mine, GOOD, check=False)
    assert not ExchangeAccount.objects.get().is_enabled


def test_a_key_is_checked_again_and_what_it_may_do_is_kept(answers):
    answers(REPORT)
    services.check_key(account())
    stored = ExchangeAccount.objects.get()
    assert stored.permissions["wallets_not_permitted"] == ["usdm"]
    assert stored.permissions_checked_at is not None
    assert actions() == ["account.key_checked"]


def test_what_is_said_of_a_key_that_was_replaced_meanwhile_is_not_kept(answers, monkeypatch):
    answers(REPORT)
    mine = add()

    def while_it_is_renewed(_account):
        answers(REPORT)
        services.renew_credentials(ExchangeAccount.objects.get(), OTHER)
        return replace(REPORT, can_withdraw=True)

    monkeypatch.setattr(keys, "check", while_it_is_renewed)
    with pytest.raises(AccountRefused, match="another key meanwhile"):
        services.check_key(mine)
    assert ExchangeAccount.objects.get().permissions["can_withdraw"] is False


def test_a_label_that_is_a_number_is_refused(answers):
    answers(REPORT)
    with pytest.raises(AccountRefused, match="taken for an id"):
        add(label="42")


def test_rejected_new_credentials_leave_the_old_ones(answers):
    mine = account()
    before = mine.open_credentials()
    answers(AccountRefused("Binance does not accept the key."))
    with pytest.raises(AccountRefused):
        services.renew_credentials(mine, GOOD)

    assert ExchangeAccount.objects.get().open_credentials() == before


def test_a_key_that_another_account_uses_cannot_be_moved_here(answers):
    answers(REPORT)
    add(label="first")
    mine = account("second")
    with pytest.raises(AccountRefused, match="already in use by the account 'first'"):
        services.renew_credentials(mine, GOOD)


def change(mine: ExchangeAccount, **changes) -> bool:
    return services.change_account(mine, **changes, at=NOON)


def test_a_change_is_stored_audited_and_announced(told, django_capture_on_commit_callbacks):
    mine = account()
    with django_capture_on_commit_callbacks(execute=True):
        assert change(mine, label="savings", wallets=["spot"])

    stored = ExchangeAccount.objects.get()
    assert (stored.label, stored.wallets) == ("savings", ["spot"])
    assert told == [("changed", mine.pk)]
    entry = AuditEntry.objects.get(action="account.changed")
    assert entry.before == {"label": "main", "wallets": []}
    assert entry.after == {"label": "savings", "wallets": ["spot"]}


def test_two_who_change_different_things_at_once_lose_neither():
    account()
    one, another = (ExchangeAccount.objects.get() for _ in range(2))
    assert change(one, label="savings")
    assert change(another, wallets=["spot"])
    stored = ExchangeAccount.objects.get()
    assert (stored.label, stored.wallets) == (another.label, another.wallets) == ("savings", ["spot"])
    changed = AuditEntry.objects.filter(action="account.changed").order_by("pk")
    assert [list(entry.after) for entry in changed] == [["label"], ["wallets"]]


def test_two_who_change_a_group_at_once_lose_neither():
    mine = account()
    groups.make_group(mine.workspace, name="all", account_ids=[], actor=None, at=NOON)
    one, another = (AccountGroup.objects.get() for _ in range(2))
    groups.change_group(one, name="some", actor=None, at=NOON)
    changed = groups.change_group(another, account_ids=[mine.pk], actor=None, at=NOON)
    assert (changed.name, list(changed.accounts.all())) == ("some", [mine])
    assert AuditEntry.objects.filter(action="group.changed").latest("pk").before["name"] == "some"


def test_since_when_the_past_is_wanted_can_be_changed():
    mine = account()
    assert change(mine, history_from=date(2021, 5, 1))
    assert ExchangeAccount.objects.get().history_start.isoformat() == "2021-05-01T00:00:00+00:00"
    entry = AuditEntry.objects.get(action="account.changed")
    assert (entry.before, entry.after) == ({"history_from": None}, {"history_from": "2021-05-01"})
    assert not change(mine)


@pytest.mark.parametrize("since", [date(1, 1, 1), date(2009, 1, 2), date(9999, 12, 31)])
def test_a_past_that_never_was_is_refused(answers, since):
    answers(REPORT)
    mine = account()
    for ask in (lambda: change(mine, history_from=since), lambda: add(label="other", history_from=since)):
        with pytest.raises(AccountRefused, match="from 2009-01-03 to today") as refusal:
            ask()
        assert refusal.value.field == "history_from"
    assert ExchangeAccount.objects.get().history_from is None


def test_a_change_that_changes_nothing_tells_nobody(told, django_capture_on_commit_callbacks):
    mine = account()
    with django_capture_on_commit_callbacks(execute=True):
        assert not change(mine)

    assert told == []
    assert actions() == []


def test_a_change_does_not_undo_what_happened_to_the_row_meanwhile():
    mine = account()
    services.disable_account(ExchangeAccount.objects.get(), reason="the key was rejected twice", at=NOON)
    change(mine, label="savings")

    assert not ExchangeAccount.objects.get().is_enabled


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": "taken"}, "already has an account called 'taken'"),
        ({"wallets": ["sport"]}, "binance has no wallet sport: it has"),
    ],
)
def test_a_change_that_cannot_be_is_refused(changes, words):
    account("taken")
    mine = account("mine")
    with pytest.raises(AccountRefused, match=words):
        change(mine, **changes)
    assert ExchangeAccount.objects.get(pk=mine.pk).label == "mine"


# --- With the sandbox exchange in place of the network ------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox():
    with SandboxServer(markets=60) as server:
        yield server


@pytest.fixture
def bybit(sandbox, settings):
    """Keys at the sandbox's Bybit, with the rights that are asked for."""
    settings.SANDBOX_URL = sandbox.url

    def make(**rights) -> Credentials:
        made = sandbox.create_account("bybit", holdings={"USDT": "1000"}, **rights)
        return Credentials(api_key=made.api_key, secret=made.secret)

    return make


def test_the_exchange_tells_what_a_key_may_do(bybit):
    new = add(exchange_id="bybit", credentials=bybit(can_trade=True))

    assert new.permissions["wallets"] == ["unified", "funding"]
    assert new.permissions["can_trade"] is True
    assert new.permissions["can_withdraw"] is False
    assert "may trade" in in_words(new.permissions)


def test_the_exchange_tells_that_a_key_may_withdraw(bybit):
    new = add(exchange_id="bybit", credentials=bybit(can_withdraw=True), may_withdraw=True)
    assert new.permissions["can_withdraw"] is True
    assert MAY_WITHDRAW in new.permissions["warnings"]


def test_a_wrong_secret_is_refused_with_what_to_do(bybit):
    right = bybit()
    wrong = Credentials(api_key=right.api_key, secret="not-the-secret")
    with pytest.raises(AccountRefused, match="Check the key at the exchange") as refusal:
        add(exchange_id="bybit", credentials=wrong)

    assert refusal.value.field == "api_key"
    assert "not-the-secret" not in str(refusal.value)
    assert not ExchangeAccount.objects.exists()


def test_the_exchange_is_asked_outside_of_any_transaction(bybit, monkeypatch, transactional_db):
    seen = []
    ran = keys.run

    def run(coro, **options):
        seen.append(connection.in_atomic_block)
        return ran(coro, **options)

    monkeypatch.setattr(keys, "run", run)
    add(exchange_id="bybit", credentials=bybit())

    assert seen == [False]


def test_an_exchange_that_is_down_is_no_judgement_of_the_key(bybit, sandbox):
    key = bybit()
    sandbox.fault("status", host="api.bybit.com", status=503)
    try:
        with pytest.raises(AccountRefused, match=r"could not be checked: .* Try again in a while"):
            add(exchange_id="bybit", credentials=key)
    finally:
        sandbox.clear_faults()


def test_a_sandbox_account_without_a_sandbox_asks_nobody(settings):
    settings.SANDBOX_URL = ""
    with pytest.raises(AccountRefused, match="Set SANDBOX_URL"):
        add()


def test_an_unknown_egress_is_refused_rather_than_left_by_another_ip(settings):
    settings.EGRESSES = {}
    with pytest.raises(AccountRefused, match="Add the egress to EGRESSES") as refusal:
        add(egress="zurich")
    assert refusal.value.field == "egress"


def test_nor_is_an_account_sent_a_way_that_is_not_there(settings):
    settings.EGRESSES = {}
    mine = account()
    with pytest.raises(AccountRefused, match="Add the egress to EGRESSES") as refusal:
        change_account(mine, at=now(), egress="zurich")
    assert refusal.value.field == "egress"
    assert ExchangeAccount.objects.get(pk=mine.pk).egress == "default"


def test_what_else_changes_may_change_while_its_way_is_gone(settings):
    settings.EGRESSES = {}
    mine = account(egress="zurich")
    assert change_account(mine, at=now(), egress="zurich", label="renamed")


def test_no_key_is_checked_while_the_exchange_has_banned_us(settings):
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    route = Route(exchange_id="binance", environment=Environment.SANDBOX)
    health.banned(route, until=now() + timedelta(minutes=5), error="banned", at=now())
    with pytest.raises(AccountRefused, match=r"Binance has banned this IP \(egress default\) until"):
        add()


def test_a_ban_that_is_the_answer_to_a_check_holds_everybody_back(settings, monkeypatch):
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    until = now() + timedelta(minutes=5)

    def refuse(asking, *, deadline):
        asking.close()
        raise RateLimited("way too many requests", until=until, is_ban=True)

    monkeypatch.setattr(keys, "run", refuse)
    with pytest.raises(AccountRefused, match="way too many requests"):
        add()
    assert health.banned_until(Route(exchange_id="binance", environment=Environment.SANDBOX), now()) == until
