"""Proposals and books, as an ops person sees them."""

import pytest

from apps.core.clock import now
from apps.portfolio.models import Proposal, Statement
from apps.portfolio.services import bookkeeping, proposals
from tests.apps.builders import workspace
from tests.apps.pages import add_url, delete_url, list_url, logged_in, page_url, queries_of, text_of

from .divided import asked

pytestmark = [pytest.mark.django_db]


def test_the_list_of_proposals_says_how_each_went_and_why_one_failed():
    asked(strategy="risk_parity")
    proposals.fail(asked(), "The least weights add up to 120.0 %, more than the whole.", now=now())
    told = text_of(logged_in(), list_url(Proposal))
    assert "risk parity" in told
    assert "failed: The least weights add up to 120.0 %, more than the whole." in told


def test_the_list_needs_as_many_queries_for_thirty_rows_as_for_one():
    client = logged_in()
    asked()
    one = queries_of(client, list_url(Proposal))
    for _ in range(29):
        asked()
    assert queries_of(client, list_url(Proposal)) == one


def test_nobody_makes_changes_or_deletes_one_by_hand():
    client, row = logged_in(), asked()
    for url in (add_url(Proposal), page_url(row), delete_url(row)):
        assert client.post(url, {"post": "yes"}).status_code == 403


def books(currency="USDT", **fields):
    of = {"workspace": workspace(), "environment": "sandbox", "method": "fifo"}
    return Statement.objects.create(currency=currency, **of, **fields)


def test_the_list_of_books_says_which_could_not_be_calculated_and_why():
    books(made_at=now())
    books("EUR", error=bookkeeping.LOST, failures=2)
    told = text_of(logged_in(), list_url(Statement))
    assert "fifo in USDT" in told
    assert "failed 2 times: The worker that calculated it ended" in told


def test_the_page_of_books_is_without_their_megabytes():
    client, row = logged_in(), books(days="much of it")
    assert "much of it" not in text_of(client, page_url(row))
    assert client.post(delete_url(row), {"post": "yes"}).status_code == 403
