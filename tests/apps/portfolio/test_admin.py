"""Proposals, as an ops person sees them."""

import pytest

from apps.core.clock import now
from apps.portfolio.models import Proposal
from apps.portfolio.services import proposals
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
