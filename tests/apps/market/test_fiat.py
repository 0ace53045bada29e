"""The central bank's rates, from a file and from an address, and from neither."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from apps.market import tasks
from apps.market.models import FiatRate
from apps.market.services.assets import newest_fiat_rates
from apps.market.services.fiat import sync_fiat_rates
from apps.portfolio.services.prices import forget, prices_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FRIDAY, SATURDAY = date(2026, 11, 20), date(2026, 11, 21)
FILE = "Date, USD, JPY, \n{day}, {usd}, 163.21, \n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "eurofxref.csv"

    def write(day="20 November 2026", usd="1.0815"):
        path.write_text(FILE.format(day=day, usd=usd))
        return str(path)

    return write


def rates(today=SATURDAY):
    return {rate.currency: (rate.rate, rate.published_on) for rate in newest_fiat_rates(today)}


def used(at):
    """What a valuation takes for a euro in dollars then, and how it says so."""
    forget()
    price = prices_of("live", now=at).book.price("EUR", "USD")
    return price and (price.value, price.sources, price.as_of)


def noon(day):
    return datetime.combine(day, time(12), tzinfo=UTC)


def test_the_rates_of_a_file_are_stored_once(file):
    assert sync_fiat_rates(file(), SATURDAY) == 2
    assert sync_fiat_rates(file(), SATURDAY) == 0
    assert rates()["USD"] == (Decimal("1.0815"), date(2026, 11, 20))


def test_the_newest_day_counts_and_the_others_stay(file):
    sync_fiat_rates(file(), SATURDAY)
    sync_fiat_rates(file(day="21 November 2026", usd="1.09"), SATURDAY)
    assert rates()["USD"] == (Decimal("1.09"), date(2026, 11, 21))
    assert FiatRate.objects.count() == 4


@pytest.mark.parametrize("source", ["", "/nowhere/rates.xml", "http://127.0.0.1:1/rates.xml"])
def test_a_source_that_says_nothing_costs_no_rate_that_is_known(source, file, settings):
    sync_fiat_rates(file(), SATURDAY)
    settings.ECB_RATES = source
    tasks.sync_fiat_rates.run()
    assert rates()["USD"] == (Decimal("1.0815"), date(2026, 11, 20))


def test_a_page_that_is_no_such_file_changes_nothing(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html>Service unavailable</html>")
    assert sync_fiat_rates(str(page), SATURDAY) == 0


def test_over_a_weekend_fridays_rate_counts_and_says_of_when_it_is(file):
    sync_fiat_rates(file(), FRIDAY)
    told = (Decimal("1.0815"), ("ecb",), datetime(2026, 11, 20, 15, tzinfo=UTC))
    assert [used(noon(FRIDAY + timedelta(days=days))) for days in (1, 2, 3, 5)] == [told] * 4


def test_over_easter_it_does_too(file):
    """From Maundy Thursday to Tuesday afternoon nothing is published."""
    sync_fiat_rates(file(day="2 April 2026"), date(2026, 4, 2))
    assert used(datetime(2026, 4, 7, 14, tzinfo=UTC))


def test_a_file_that_is_too_old_is_kept_and_not_used(file):
    sync_fiat_rates(file(), FRIDAY)
    assert used(noon(FRIDAY + timedelta(days=6))) is None
    assert rates(FRIDAY + timedelta(days=6))["USD"] == (Decimal("1.0815"), FRIDAY)


def test_a_rate_is_never_of_a_time_that_is_still_to_come(file):
    sync_fiat_rates(file(), FRIDAY)
    assert used(noon(FRIDAY))[2] == noon(FRIDAY)


def test_a_file_of_a_day_that_is_still_to_come_is_refused(file):
    sync_fiat_rates(file(), SATURDAY)
    assert sync_fiat_rates(file(day="20 November 2099", usd="9"), SATURDAY) == 0
    assert rates()["USD"] == (Decimal("1.0815"), FRIDAY)


@pytest.mark.parametrize("usd", ["10815", "0.5", "10.815"])
def test_a_rate_that_is_absurd_is_left_out_and_the_one_before_counts(file, usd):
    sync_fiat_rates(file(), FRIDAY)
    assert sync_fiat_rates(file(day="21 November 2026", usd=usd), SATURDAY) == 1
    assert rates() == {"USD": (Decimal("1.0815"), FRIDAY), "JPY": (Decimal("163.21"), SATURDAY)}


def test_what_is_new_after_a_week_is_no_jump(file):
    sync_fiat_rates(file(), FRIDAY)
    day = FRIDAY + timedelta(days=10)
    assert sync_fiat_rates(file(day="30 November 2026", usd="2.5"), day) == 2
    assert rates(day)["USD"] == (Decimal("2.5"), day)


def test_a_currency_that_a_file_leaves_out_has_its_rate_of_before(tmp_path, file):
    sync_fiat_rates(file(), FRIDAY)
    path = tmp_path / "less.csv"
    path.write_text("Date, JPY, \n21 November 2026, 163.5, \n")
    sync_fiat_rates(str(path), SATURDAY)
    assert rates() == {"USD": (Decimal("1.0815"), FRIDAY), "JPY": (Decimal("163.5"), SATURDAY)}


def test_a_file_that_was_cut_off_changes_nothing(tmp_path, file):
    whole = Path(file()).read_text()
    sync_fiat_rates(file(), FRIDAY)
    path = tmp_path / "cut.csv"
    for end in range(len(whole.rstrip().rstrip(","))):
        path.write_text(whole.replace("1.0815", "1.0999")[:end])
        assert sync_fiat_rates(str(path), FRIDAY) == 0


def test_from_an_address_it_is_the_same(file):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/rates.csv" else 404)
            self.end_headers()
            self.wfile.write(Path(file()).read_bytes())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert sync_fiat_rates(f"{address}/nothing.csv", SATURDAY) == 0
        assert sync_fiat_rates(f"{address}/rates.csv", SATURDAY) == 2
        server.shutdown()
    assert rates()["USD"] == (Decimal("1.0815"), FRIDAY)
