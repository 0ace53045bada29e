import pytest

from apps.audit.models import AuditEntry
from apps.audit.services import record
from tests.apps.builders import NOON, account
from tests.apps.pages import add_url, list_url, logged_in, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_the_audit_is_read_only_and_names_who_and_what(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/a-script"])
    client = logged_in()
    mine = account()
    actor = mine.workspace.memberships.get().user
    entry = record("account.disabled", mine, at=NOON, actor=actor, reason="holidays")
    record("account.enabled", mine, at=NOON)

    page = text_of(client, list_url(AuditEntry))
    assert "account.disabled" in page
    assert "holidays" in page
    assert ">family<" in page
    assert "a-script" in page  # from where: no request, no task, no command
    assert ">the system<" in page
    assert client.get(add_url(AuditEntry)).status_code == 403
    assert client.post(page_url(entry), {"action": "nothing.happened"}).status_code == 403


def test_the_list_needs_as_many_queries_for_thirty_rows_as_for_one():
    client = logged_in()
    mine = account()
    actor = mine.workspace.memberships.get().user
    record("account.changed", mine, at=NOON, actor=actor)
    for_one = queries_of(client, list_url(AuditEntry))
    for _ in range(29):
        record("account.changed", mine, at=NOON, actor=actor)

    assert queries_of(client, list_url(AuditEntry)) == for_one


def test_an_entry_names_what_it_was_about_and_tells_its_details_in_words_and_utc():
    client = logged_in()
    record("account.changed", account(), at=NOON, before={"can_trade": None, "wallets": []}, after={"is_in_use": True})
    page = text_of(client, list_url(AuditEntry))
    assert 'main (binance, sandbox)<span class="aside">exchangeaccount:' in page
    assert "after: is in use: yes<" in page
    assert "None" not in page.split("result_list")[1]
    assert "2026-11-21 12:00:00 UTC" in page
