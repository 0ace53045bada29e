import re
from datetime import timedelta

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.sync import tasks
from apps.sync.models import KeptPayload, SyncChange, SyncRun, SyncState
from apps.sync.services.status import state_lines
from tests.apps.builders import account, audited, state
from tests.apps.pages import accounts, act, add_url, delete_url, list_url, logged_in, now, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def sent(monkeypatch):
    """The resyncs that were sent, in place of the broker."""
    wishes = []
    monkeypatch.setattr(tasks.resync, "delay", lambda **wish: wishes.append(wish))
    return wishes


def run_of(exchange_id: str = "binance", **fields) -> SyncRun:
    values = {"environment": "sandbox", "egress": "default", "kind": "balances", "claimed": 1}
    values |= {"started_at": now() - timedelta(seconds=2), "lease_until": now() + timedelta(seconds=30)}
    return SyncRun.objects.create(exchange_id=exchange_id, **(values | fields))


def fill(numbers: range) -> None:
    for owned in accounts(numbers):
        state(owned, error_kind="Transient", error="no answer", failures=2)
        ExchangeHealth.objects.create(
            exchange_id="binance", environment="sandbox", egress=f"egress {owned.pk}", changed_at=now()
        )
        SyncChange.objects.create(run=run_of(), account=owned, at=now(), key="BTC", before=None, after={"total": "1"})


@pytest.mark.parametrize("model", [SyncState, SyncRun, SyncChange, ExchangeAccount])
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    fill(range(1))
    for_one = queries_of(client, list_url(model))
    fill(range(1, 30))
    assert queries_of(client, list_url(model)) == for_one


def test_the_page_of_an_account_needs_as_many_queries_for_five_states_as_for_one():
    client = logged_in()
    mine = account()
    state(mine, "balances")
    for_one = queries_of(client, page_url(mine))
    for kind in ("positions", "orders"):
        state(mine, kind)
    assert queries_of(client, page_url(mine)) == for_one


def test_the_list_of_states_tells_how_each_one_goes():
    client = logged_in()
    state(
        account(),
        succeeded_at=now() - timedelta(minutes=5),
        due_at=now() - timedelta(seconds=90),
        failures=4,
        error_kind="Transient",
        error="Binance did not answer in time.",
        advice="Nothing to do: it is tried again by itself.",
    )
    ExchangeHealth.objects.create(
        exchange_id="binance", environment="sandbox", failures=5, opened_at=now(), changed_at=now()
    )
    page = text_of(client, list_url(SyncState))

    for words in (
        "5 min 0 s ago",
        "1 min 30 s overdue",
        "4 times: Binance did not answer in time.",
        '<span class="aside">Nothing to do: it is tried again by itself.</span>',
        '<td class="field-breaker"><strong class="alarming">open</strong></td>',
        '>main</a><span class="aside">binance, sandbox, family</span>',
    ):
        assert words in page


def test_states_are_filtered_by_how_they_go():
    client = logged_in()
    soon = {"due_at": now() + timedelta(seconds=20), "succeeded_at": now()}
    state(account("fine-one"), **soon)
    state(account("failing-one"), error_kind="Transient", error="no answer", failures=1)
    state(account("sleeping-one"), due_at=None)
    state(account("late-one"), **soon | {"due_at": now() - timedelta(minutes=10)})
    state(account("spot-only-one"), "positions", **soon | {"error_kind": "PermissionMissing", "error": "may not"})
    state(account("young-one"), "trades", is_behind=True, due_at=now() - timedelta(minutes=10), succeeded_at=now())
    names = [f"{word}-one" for word in ("fine", "failing", "sleeping", "late", "spot-only", "young")]

    def found(answer: str) -> set[str]:
        page = text_of(client, f"{list_url(SyncState)}?failing={answer}")
        return {name for name in names if f">{name}</a>" in page}

    assert (found("yes"), found("off")) == ({"failing-one"}, {"sleeping-one"})
    assert (found("no"), found("held")) == ({"fine-one", "spot-only-one"}, {"late-one"})
    assert found("back") == {"young-one"}


def test_the_list_of_accounts_counts_by_the_same_definition_as_the_status():
    client = logged_in()
    mine = account("mine", exchange_id="bybit")
    late = {"due_at": now() - timedelta(seconds=5), "succeeded_at": now()}
    state(mine, "balances", **late, failures=1, error_kind="Transient", error="no answer")
    state(mine, "orders", **late)
    state(account("other"), "orders", **late)
    page = text_of(client, list_url(ExchangeAccount))
    assert '<td class="field-syncs"><strong class="alarming">1 failing</strong></td>' in page
    assert '<td class="field-syncs">fine</td>' in page
    ExchangeHealth.objects.create(
        exchange_id="bybit", environment="sandbox", banned_until=now() + timedelta(hours=1), changed_at=now()
    )
    page = text_of(client, list_url(ExchangeAccount))
    assert "1 failing, 1 held back</strong>" in page
    assert [line.standing for line in state_lines(SyncState.objects.filter(account=mine), now())] == [
        "failing",
        "held back",
    ]


def test_a_long_error_is_cut_at_a_word_and_its_advice_stands_apart():
    client = logged_in()
    error = "Binance: has banned this IP until 1795239392453, " + "because it was asked far too often " * 5
    state(account(), failures=1, error_kind="RateLimited", error=error, advice="Wait.")
    page = text_of(client, list_url(SyncState))
    assert "until 2026-11-21 05:36:32 UTC, because it was" in page
    assert re.search(r'(asked|far|too|often|because|was|it) \.\.\.</strong><span class="aside">Wait.</span>', page)


def test_resync_now_asks_for_the_chosen_states_and_says_which_are_not_synced(sent):
    client = logged_in()
    mine = account()
    of_account = state(mine, "orders")
    sleeping = state(mine, "positions", due_at=None)
    of_exchange = SyncState.objects.create(
        exchange_id="kraken", environment="live", kind="tickers", due_at=now(), account=None
    )
    messages = act(client, SyncState, "resync_now", of_account, sleeping, of_exchange)

    assert sorted(sent, key=str) == [
        {"kind": "orders", "account_id": mine.pk},
        {"kind": "tickers", "exchange_id": "kraken"},
    ]
    assert messages == [
        "1 state left out: not synced at all (disabled, or not offered).",
        "Asked for 2 resyncs: reload in a moment to see how it went.",
    ]


def test_resync_now_of_accounts_leaves_out_the_disabled(sent):
    client = logged_in()
    mine, off = account("mine"), account("off", is_enabled=False)
    messages = act(client, ExchangeAccount, "resync_now", mine, off)

    assert sent == [{"account_id": mine.pk}]
    assert "Disabled, so not read: off." in messages


def test_a_broker_that_is_away_is_told_once(monkeypatch):
    def away(**_):
        raise OperationalError("Connection refused")

    monkeypatch.setattr(tasks.resync, "delay", away)
    messages = act(logged_in(), ExchangeAccount, "resync_now", account("one"), account("two"))

    assert messages == [
        "The message broker does not answer (Connection refused): nothing was asked for. Is Redis running?"
    ]


def test_resync_is_a_task_that_the_application_knows():
    assert "sync.resync" in current_app.tasks


# --- Intervals ----------------------------------------------------------------------------------------------------


def test_an_interval_is_changed_without_touching_what_a_worker_writes():
    client = logged_in()
    far = now() + timedelta(hours=1)
    mine = state(account(), due_at=far, claim=7)
    client.get(page_url(mine))
    SyncState.objects.update(claim=8, claimed_until=far)
    client.post(page_url(mine), {"interval_override": "00:00:10"})

    mine.refresh_from_db()
    assert mine.interval_override == timedelta(seconds=10)
    assert (mine.claim, mine.claimed_until) == (8, far)
    assert mine.due_at < now() + timedelta(seconds=11)
    entry = audited().get()
    assert (entry.action, entry.actor.username) == ("sync.interval_changed", "ops")


@pytest.mark.parametrize(
    ("given", "meant"), [("10s", 10), ("10 s", 10), ("5 min", 300), ("2 h", 7200), ("1 d", 86400), ("00:01:00", 60)]
)
def test_an_interval_is_understood_as_people_say_it(given, meant):
    mine = state(account())
    logged_in().post(page_url(mine), {"interval_override": given})
    assert SyncState.objects.get().interval_override == timedelta(seconds=meant)


@pytest.mark.parametrize("given", ["00:00:00", "-1", "30 00:00:00", "soon"])
def test_a_senseless_interval_is_refused(given):
    client = logged_in()
    mine = state(account())
    answer = client.post(page_url(mine), {"interval_override": given})

    assert answer.context["adminform"].form.errors["interval_override"]
    assert SyncState.objects.get().interval_override is None


def test_the_intervals_of_an_account_are_changed_on_its_page():
    client = logged_in()
    mine = account(exchange_id="bybit")
    balances, orders = state(mine, "balances"), state(mine, "orders")
    given = {"egress": "default", "label": "main", "wallets": "", "api_key": "", "secret": "", "password": ""}
    given |= {"sync_states-TOTAL_FORMS": 2, "sync_states-INITIAL_FORMS": 2}
    for number, row in enumerate([balances, orders]):
        given |= {f"sync_states-{number}-id": row.pk, f"sync_states-{number}-account": mine.pk}
    given |= {"sync_states-0-interval_override": "00:00:05", "sync_states-1-interval_override": ""}
    answer = client.post(page_url(mine), given)

    assert answer.status_code == 302
    assert SyncState.objects.get(pk=balances.pk).interval_override == timedelta(seconds=5)
    assert SyncState.objects.get(pk=orders.pk).interval_override is None
    assert audited().get().action == "sync.interval_changed"


def test_states_are_neither_made_nor_deleted_by_hand():
    client = logged_in()
    mine = state(account())
    assert client.get(add_url(SyncState)).status_code == 403
    assert client.post(delete_url(mine), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in text_of(client, list_url(SyncState))


# --- Runs and changes ---------------------------------------------------------------------------------------------


def test_runs_tell_how_long_they_took_and_which_died():
    client = logged_in()
    done = run_of()
    SyncRun.objects.filter(pk=done.pk).update(finished_at=done.started_at + timedelta(milliseconds=250))
    run_of("bybit")
    run_of("kraken", lease_until=now() - timedelta(seconds=1))
    page = text_of(client, list_url(SyncRun))

    for words in ('field-took">0.25 s<', 'field-took">running<', ">died</strong>"):
        assert words in page


def test_a_kept_payload_is_shown_with_its_run_as_text():
    client = logged_in()
    run = run_of()
    KeptPayload.objects.create(run=run, account=account(), error="not data", payload="<script>alert(1)</script>")
    page = text_of(client, page_url(run))

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


def test_changes_show_before_and_after():
    client = logged_in()
    before, after = {"total": "1"}, {"total": "2.5"}
    SyncChange.objects.create(run=run_of(), account=account(), at=now(), key="BTC", before=before, after=after)
    assert '<span class="pair">total 1 -&gt; 2.5</span>' in text_of(client, list_url(SyncChange))


def test_what_was_unknown_before_is_not_called_none():
    change = SyncChange(key="o", before={"average": None, "filled": "0"}, after={"average": "2530.48", "filled": "0"})
    assert change.difference == "average unknown -> 2530.48"
