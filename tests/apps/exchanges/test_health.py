from datetime import timedelta

import pytest

from alphapulse.exchanges.route import Route
from alphapulse.types import Environment
from apps.exchanges import health
from apps.exchanges.models import ExchangeHealth
from tests.apps.builders import NOON, audited, later

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROUTE = Route(exchange_id="binance", environment=Environment.SANDBOX)


def fail(times: int, *, at=NOON) -> ExchangeHealth:
    for _ in range(times):
        health.failed(ROUTE, error="HTTP 502", asked_at=at, at=at)
    return ExchangeHealth.objects.get()


def test_a_healthy_exchange_has_no_row_and_gets_none_by_answering():
    health.answered(ROUTE, at=NOON)
    assert not ExchangeHealth.objects.exists()


def test_five_failures_in_a_row_open_the_breaker_for_ten_minutes():
    assert fail(4).breaker.allows(later(1))
    opened = fail(1)
    assert (opened.state(later(1)), opened.breaker.allows(later(599))) == ("open", False)
    assert (opened.state(later(600)), opened.breaker.allows(later(600))) == ("half-open", True)


def test_one_probe_of_all_workers_goes_through():
    fail(5)
    assert not health.take_probe(ROUTE, later(599))
    assert health.take_probe(ROUTE, later(600))
    assert not health.take_probe(ROUTE, later(600))
    assert not ExchangeHealth.objects.get().breaker.allows(later(601))


def test_a_probe_that_died_frees_its_place():
    fail(5)
    health.take_probe(ROUTE, later(600))
    assert ExchangeHealth.objects.get().breaker.allows(later(661))


def test_an_answer_closes_the_breaker_and_a_failed_probe_opens_it_again():
    fail(5)
    health.failed(ROUTE, error="still down", asked_at=later(600), at=later(600))
    assert ExchangeHealth.objects.get().state(later(601)) == "open"
    health.answered(ROUTE, at=later(1300))
    assert ExchangeHealth.objects.get().state(later(1300)) == "closed"


def test_a_ban_holds_until_its_end_whatever_else_happens():
    health.banned(ROUTE, until=later(300), error="way too many requests", at=NOON)
    health.banned(ROUTE, until=later(120), error="again", at=NOON)
    health.answered(ROUTE, at=later(1))
    health.reset(ExchangeHealth.objects.get(), at=later(2))
    row = ExchangeHealth.objects.get()
    assert (row.state(later(299)), row.breaker.allows(later(299)), row.breaker.allows(later(300))) == (
        "banned",
        False,
        True,
    )


def test_reset_by_hand_is_remembered():
    health.reset(fail(5), at=NOON + timedelta(seconds=1))
    assert ExchangeHealth.objects.get().breaker.allows(later(2))
    assert audited().get().action == "breaker.reset"


def test_a_ban_ends_when_the_exchange_said_and_an_open_breaker_is_none():
    fail(5)
    assert health.banned_until(ROUTE, NOON) is None
    health.banned(ROUTE, until=later(300), error="way too many requests", at=NOON)
    assert [health.banned_until(ROUTE, later(at)) for at in (299, 300)] == [later(300), None]
