"""The central bank's rates, from a file and from an address, and from neither."""

from datetime import date
from decimal import Decimal

import pytest

from apps.market import tasks
from apps.market.models import FiatRate
from apps.market.services.assets import newest_fiat_rates
from apps.market.services.fiat import sync_fiat_rates

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FILE = "Date, USD, JPY, \n{day}, {usd}, 163.21, \n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "eurofxref.csv"

    def write(day="20 November 2026", usd="1.0815"):
        path.write_text(FILE.format(day=day, usd=usd))
        return str(path)

    return write


def rates():
    return {rate.currency: (rate.rate, rate.published_on) for rate in newest_fiat_rates()}


def test_the_rates_of_a_file_are_stored_once(file):
    assert sync_fiat_rates(file()) == 2
    assert sync_fiat_rates(file()) == 0
    assert rates()["USD"] == (Decimal("1.0815"), date(2026, 11, 20))


def test_the_newest_day_counts_and_the_others_stay(file):
    sync_fiat_rates(file())
    sync_fiat_rates(file(day="21 November 2026", usd="1.09"))
    assert rates()["USD"] == (Decimal("1.09"), date(2026, 11, 21))
    assert FiatRate.objects.count() == 4


@pytest.mark.parametrize("source", ["", "/nowhere/rates.xml", "http://127.0.0.1:1/rates.xml"])
def test_a_source_that_says_nothing_costs_no_rate_that_is_known(source, file, settings):
    sync_fiat_rates(file())
    settings.ECB_RATES = source
    tasks.sync_fiat_rates.run()
    assert rates()["USD"] == (Decimal("1.0815"), date(2026, 11, 20))


def test_a_page_that_is_no_such_file_changes_nothing(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html>Service unavailable</html>")
    assert sync_fiat_rates(str(page)) == 0
