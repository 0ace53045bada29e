import pytest
from kombu.exceptions import OperationalError

from apps.sync import tasks
from tests.apps.api import logged_in
from tests.apps.builders import account, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def sent(monkeypatch):
    """What would have gone to the broker."""
    messages = []
    monkeypatch.setattr(tasks.resync, "delay", lambda **words: messages.append(words))
    return messages


def resync(client, of, **body):
    return client.post(f"/api/exchange/accounts/{of.pk}/resync", body, format="json")


def test_a_resync_is_accepted_and_sent_with_ids_alone(sent):
    client, mine = logged_in(), account()
    state(mine)
    state(mine, "orders")
    answer = resync(client, mine)
    assert (answer.status_code, answer.json()) == (202, {"account_id": mine.pk, "kinds": ["balances", "orders"]})
    assert resync(client, mine, kind="orders").json()["kinds"] == ["orders"]
    assert sent == [{"account_id": mine.pk}, {"account_id": mine.pk, "kind": "orders"}]


def test_a_history_is_asked_for_by_its_name_and_never_without(sent):
    client, mine = logged_in(), account()
    for kind in ("balances", "trades", "ledger", "sweep"):
        state(mine, kind)
    assert resync(client, mine).json()["kinds"] == ["balances"]
    for kind in ("trades", "ledger", "sweep"):
        assert resync(client, mine, kind=kind).json()["kinds"] == [kind]


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are(sent):
    answer = resync(logged_in(), account(), kind="attic")
    assert answer.status_code == 400
    [problem] = answer.json()["errors"]["kind"]
    assert problem.startswith('"attic" is not a valid choice: expected one of balances, positions, orders, trades, ')


def test_what_is_not_synced_at_all_is_a_conflict_that_says_why(sent):
    client, mine = logged_in(), account(is_enabled=False, disabled_reason="holidays")
    state(mine, due_at=None)
    answer = resync(client, mine)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "holidays" in answer.json()["detail"]
    assert resync(client, mine, kind="attic").status_code == 400
    assert sent == []


def test_a_broker_that_is_away_is_told_so(monkeypatch):
    def refuse(**_):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.resync, "delay", refuse)
    client, mine = logged_in(), account()
    state(mine)
    answer = resync(client, mine)
    assert (answer.status_code, answer.json()["code"]) == (503, "try_later")
