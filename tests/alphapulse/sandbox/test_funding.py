from decimal import Decimal

from alphapulse.sandbox.funding import PERIOD_MS, funding_rate, fundings_between, last_funding_ms, next_funding_ms
from alphapulse.sandbox.markets import linear_markets
from tests.alphapulse.sandbox.conftest import NOON_MS

[BTC] = linear_markets(1)


def test_funding_falls_on_midnight_eight_and_sixteen():
    assert last_funding_ms(NOON_MS) == NOON_MS - 4 * 3_600_000
    assert next_funding_ms(NOON_MS) == NOON_MS + 4 * 3_600_000


def test_each_funding_lies_in_exactly_one_interval():
    edge = next_funding_ms(NOON_MS)

    assert list(fundings_between(NOON_MS, edge)) == [edge]
    assert list(fundings_between(edge, edge + PERIOD_MS)) == [edge + PERIOD_MS]
    assert list(fundings_between(NOON_MS, edge - 1)) == []


def test_rates_follow_from_the_seed_are_mostly_the_usual_one_and_sometimes_negative():
    rates = [funding_rate(7, BTC, NOON_MS + PERIOD_MS * n) for n in range(500)]

    assert rates == [funding_rate(7, BTC, NOON_MS + PERIOD_MS * n) for n in range(500)]
    assert rates != [funding_rate(8, BTC, NOON_MS + PERIOD_MS * n) for n in range(500)]
    assert 250 < rates.count(Decimal("0.0001")) < 350
    assert min(rates) < 0
    assert max(map(abs, rates)) < Decimal("0.001")
