from datetime import UTC, datetime
from decimal import Context, Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, Max, Min, Sum

from apps.market.models import Ticker

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

AT = datetime(2026, 1, 2, tzinfo=UTC)


def price(symbol: str, last: object) -> Ticker:
    return Ticker.objects.create(exchange_id="binance", environment="live", symbol=symbol, last=last, as_of=AT)


EXACT = [
    "0",
    "0.00000001",
    "1E-8",
    "0.000000000000000001",
    "1000000000000000000",
    "1E+18",
    "123456789.123456789",
    "12345678901234567890123456789012345678",
    "1234567890123456789.0123456789012345678",
    "0.12345678901234567890123456789012345678",
    "-0.00000001",
    "-98765432109876543210.123456789",
]


@pytest.mark.parametrize("text", EXACT)
def test_an_amount_comes_back_to_the_last_digit(text):
    stored = price("BTC/USDT", Decimal(text))
    assert Ticker.objects.get(pk=stored.pk).last == Decimal(text)


@pytest.mark.parametrize("text", EXACT)
def test_an_amount_is_found_by_its_value_however_it_is_written(text):
    stored = price("BTC/USDT", Decimal(text))
    assert Ticker.objects.get(last=Decimal(text).normalize(Context(prec=38))) == stored
    assert Ticker.objects.get(last=text) == stored


def test_unknown_is_stored_as_unknown():
    assert Ticker.objects.get(pk=price("BTC/USDT", None).pk).last is None


def test_amounts_are_ordered_as_numbers_not_as_text():
    texts = ["9", "10", "-1", "-10", "0.00000001", "1E18", "0", "100.5", "-0.5"]
    for number, text in enumerate(texts):
        price(f"C{number}/USDT", Decimal(text))

    found = list(Ticker.objects.order_by("last").values_list("last", flat=True))
    assert found == sorted(map(Decimal, texts))


def test_amounts_are_compared_as_numbers_not_as_text():
    for number, text in enumerate(["9", "10", "10.00000001", "1E18", "-20"]):
        price(f"C{number}/USDT", Decimal(text))

    assert Ticker.objects.filter(last__gt=Decimal(10)).count() == 2
    assert Ticker.objects.filter(last__gte="10").count() == 3
    assert Ticker.objects.filter(last__lt=9).count() == 1
    assert Ticker.objects.filter(last__range=(Decimal("9.5"), Decimal("10.5"))).count() == 2
    assert Ticker.objects.filter(last__in=[Decimal("9.0"), Decimal("1000000000000000000")]).count() == 2


def test_the_smallest_and_the_largest_are_numbers():
    for number, text in enumerate(["9", "10", "-2", "-10"]):
        price(f"C{number}/USDT", Decimal(text))

    assert Ticker.objects.aggregate(low=Min("last"), high=Max("last")) == {"low": Decimal(-10), "high": Decimal(10)}


def test_two_rows_are_compared_by_the_database():
    price("BTC/USDT", Decimal(9))
    Ticker.objects.update(bid=Decimal("10"), ask=Decimal("9.00000000"))
    assert Ticker.objects.filter(bid__gt=F("last")).exists()
    assert Ticker.objects.filter(ask=F("last")).exists()


def test_the_column_never_holds_a_float_or_an_exponent():
    price("SHIB/USDT", Decimal("1E-8"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT CAST(last AS text) FROM market_ticker")
        assert cursor.fetchone() == ("0.00000001",)


@pytest.mark.parametrize("amount", [0.1, 1.0, float("nan"), float("inf")])
def test_a_float_is_refused(amount):
    with pytest.raises(ValidationError, match="is a float; money is made from strings"):
        price("BTC/USDT", amount)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-inf", "one", "1,5", "1" * 39, "1E38", "1E-39", True])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(ValidationError):
        price("BTC/USDT", amount)


def test_a_float_is_refused_in_a_question_too():
    with pytest.raises(ValidationError, match="is a float"):
        Ticker.objects.filter(last__gt=0.1).count()


def test_a_sum_by_the_database_is_exact_or_refused_never_a_float():
    price("BTC/USDT", Decimal("123456789.123456789"))
    price("ETH/USDT", Decimal("0.00000001"))

    if connection.vendor == "sqlite":
        with pytest.raises(TypeError, match="add the amounts up in Python"):
            Ticker.objects.aggregate(total=Sum("last"))
    else:
        assert Ticker.objects.aggregate(total=Sum("last"))["total"] == Decimal("123456789.123456799")
