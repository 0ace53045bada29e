import json
import re
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from kombu.exceptions import OperationalError

from apps.core.clock import now
from apps.exchanges.models import ExchangeHealth
from apps.sync import tasks
from apps.sync.management.commands import resync as command
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.watch import Progress, Watched
from tests.apps.builders import account, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def sent(monkeypatch):
    """What was sent, in place of the broker; nobody works on it."""
    wishes = []
    monkeypatch.setattr(tasks.resync, "delay", lambda **wish: wishes.append(wish))
    return wishes


@pytest.fixture
def worked(monkeypatch):
    """A worker's work, done before the broker returns: a young run settles what is meant as the test says."""

    def as_said(**outcome):
        def work(account_id=None, kind=None, **_):
            run = SyncRun.objects.create(
                exchange_id="binance",
                environment="sandbox",
                egress="default",
                kind="balances",
                started_at=now(),
                lease_until=now(),
                claimed=1,
            )
            SyncState.objects.filter(account=account_id).update(claim=run.pk, attempted_at=now(), **outcome)

        monkeypatch.setattr(tasks.resync, "delay", work)

    return as_said


def resync(**options) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("resync", **options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_resync_is_asked_for_by_label_or_by_id_and_kind(sent):
    mine = account("main")
    state(mine, "balances")
    state(mine, "orders")
    out, _ = resync(account="main")
    resync(account=str(mine.pk), kind="orders")

    assert sent == [{"account_id": mine.pk}, {"account_id": mine.pk, "kind": "orders"}]
    assert out.startswith("Asked for: ")


def test_a_resync_of_an_exchange_is_asked_for(sent):
    state(account())
    resync(exchange="binance")
    assert sent == [{"exchange_id": "binance"}]


def test_a_label_in_two_workspaces_must_be_named_by_id_or_workspace(sent):
    mine, other = account("main", owner="family"), account("main", owner="friends", exchange_id="bybit")
    state(mine)
    state(other)
    with pytest.raises(CommandError, match="label of several accounts: name one by its id") as problem:
        resync(account="main")

    assert f"{mine.pk} (binance, workspace family)" in str(problem.value)
    assert f"{other.pk} (bybit, workspace friends)" in str(problem.value)
    resync(account="main", workspace="friends")
    assert sent == [{"account_id": other.pk}]


def test_a_label_that_looks_like_an_id_is_a_label(sent):
    first = account("first")
    number = account(str(first.pk))
    state(first)
    state(number)
    resync(account=str(first.pk))
    assert sent == [{"account_id": number.pk}]


def test_an_unknown_account_names_those_that_are_near():
    account("savings")
    with pytest.raises(CommandError, match=r"no account 'savins'. There are: savings"):
        resync(account="savins")


def test_an_unknown_exchange_names_those_in_use():
    state(account())
    with pytest.raises(CommandError, match=r"Nobody has an account at 'kraken'. In use are: binance"):
        resync(exchange="kraken")


def test_a_disabled_account_says_why_and_what_to_do(sent):
    state(account(is_enabled=False, disabled_reason="the key was rejected twice"), due_at=None)
    with pytest.raises(CommandError, match=r"is disabled \(the key was rejected twice\).*enable it in the admin"):
        resync(account="main")
    assert sent == []


def test_a_kind_that_is_not_synced_says_so(sent):
    state(account(), "balances")
    with pytest.raises(CommandError, match="Nothing of kind positions is kept in sync"):
        resync(account="main", kind="positions")


def test_a_broker_that_is_away_is_an_error(monkeypatch):
    def away(**_):
        raise OperationalError("Connection refused")

    monkeypatch.setattr(tasks.resync, "delay", away)
    state(account())
    with pytest.raises(CommandError, match=r"broker does not answer \(Connection refused\).*`make run` starts it"):
        resync(account="main")


def test_waiting_ends_well_when_everything_was_read(worked):
    worked(error_kind="", failures=0, succeeded_at=now())
    mine = account()
    state(mine, "balances")
    state(mine, "orders")
    out, err = resync(account="main", wait=True)

    assert out.startswith("Read anew: ")
    assert "[2/2]" in err


def test_waiting_ends_with_one_when_something_failed(worked):
    worked(error_kind="Transient", error="Binance did not answer in time.", advice="Tried again by itself.", failures=1)
    state(account())
    with pytest.raises(CommandError) as problem:
        resync(account="main", wait=True)

    assert problem.value.returncode == 1
    assert str(problem.value) == (
        "balances of main (binance, sandbox): failed. Binance did not answer in time. Tried again by itself."
    )


def test_waiting_for_json_tells_everything_and_still_ends_with_one(worked):
    worked(error_kind="Transient", error="Binance did not answer in time.", failures=1)
    state(account())
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("resync", account="main", wait=True, json=True, stdout=out, stderr=StringIO())

    (told,) = json.loads(out.getvalue())["states"]
    assert (told["account"], told["kind"], told["progress"]) == ("main", "balances", "failed")
    assert told["error"] == "Binance did not answer in time."


def breaker(**fields) -> ExchangeHealth:
    words = {"error": "Binance did not answer in time.", "changed_at": now()} | fields
    return ExchangeHealth.objects.create(exchange_id="binance", environment="sandbox", **words)


def test_an_exchange_that_is_not_asked_until_later_is_named_at_once_and_not_waited_for(sent):
    state(account())
    breaker(failures=5, opened_at=now())
    begun, err = time.monotonic(), StringIO()
    with pytest.raises(
        CommandError, match=r"main.*not read. binance sandbox by egress default is not asked"
    ) as problem:
        call_command("resync", account="main", wait=True, timeout=5, stdout=StringIO(), stderr=err)

    assert time.monotonic() - begun < 3
    assert problem.value.returncode == 3
    assert re.search(r"is not asked, open until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: Binance did not", err.getvalue())
    assert sent == [{"account_id": state_of("main").account_id}]


def test_a_ban_that_ends_in_time_is_told_and_waited_out(sent):
    state(account())
    breaker(banned_until=now() + timedelta(seconds=1), error="banned until 1795239392453.")
    err = StringIO()
    with pytest.raises(CommandError, match=r"not done within 1\.5 s") as problem:
        call_command("resync", account="main", wait=True, timeout=1.5, stdout=StringIO(), stderr=err)

    assert problem.value.returncode == 3
    assert "banned until 2026-11-21 05:36:32 UTC" in err.getvalue()
    assert "asking earlier makes a ban longer" in err.getvalue()


def test_without_waiting_too_an_exchange_that_is_not_asked_is_named(sent):
    state(account())
    breaker(failures=5, opened_at=now())
    out, err = resync(account="main")
    assert out.startswith("Asked for: ")
    assert "is not asked, open until" in err


def state_of(label: str) -> SyncState:
    return SyncState.objects.get(account__label=label)


def test_the_first_outcome_counts_though_a_retry_is_already_under_way(monkeypatch):
    mine, other = account("mine"), account("other", exchange_id="bybit")
    first, second = state(mine), state(other)
    failed = Watched(state=first, progress=Progress.FAILED)
    first.error = "Binance did not answer in time."
    looks = [
        [failed, Watched(state=second, progress=Progress.WAITING)],
        [Watched(state=first, progress=Progress.WAITING), Watched(state=second, progress=Progress.WAITING)],
        [Watched(state=first, progress=Progress.SUCCEEDED), Watched(state=second, progress=Progress.SUCCEEDED)],
    ]
    monkeypatch.setattr(tasks.resync, "delay", lambda **_: None)
    monkeypatch.setattr(command, "meant", lambda **_: [first, second])
    monkeypatch.setattr(command, "look", lambda pks, **_: [each for each in looks.pop(0) if each.state.pk in set(pks)])
    out = StringIO()
    with pytest.raises(CommandError) as problem:
        call_command("resync", exchange="binance", wait=True, json=True, stdout=out, stderr=StringIO())

    assert (problem.value.returncode, str(problem.value)) == (1, f"{first}: failed. Binance did not answer in time.")
    told = {each["account"]: each["progress"] for each in json.loads(out.getvalue())["states"]}
    assert told == {"mine": "failed", "other": "succeeded"}


def test_what_a_key_may_not_read_is_told_and_no_failure(worked):
    worked(error_kind="PermissionMissing", error="The key may not read positions.", failures=0)
    state(account(), "positions")
    _, err = resync(account="main", wait=True)
    assert "positions of main (binance, sandbox): not read. The key may not read positions." in err
