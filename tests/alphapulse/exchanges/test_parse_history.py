"""What happened to an account, out of ccxt's dictionaries."""

from alphapulse.exchanges.parse_history import Names, funding

FUTURES = Names(source="futures", currency=str, symbol=str)


def paid(amount: str, **others: object) -> dict:
    row = {"id": None, "symbol": "BTC/USDT:USDT", "code": "USDT", "timestamp": 1772352000000, "amount": amount}
    return row | others


def test_who_is_long_and_short_at_once_is_paid_and_pays_where_payments_have_no_ids():
    told = {event.payment_id for row in (paid("-2"), paid("2")) for event in funding(row, FUTURES)}
    assert len(told) == 2


def test_a_payment_is_called_the_same_however_its_amount_is_written():
    ((one,), (other,)) = (funding(paid(amount), FUTURES) for amount in ("-2", "-2.0"))
    assert one == other


def test_a_payment_with_an_id_is_called_by_it():
    (payment,) = funding(paid("-2", id="77"), FUTURES)
    assert payment.payment_id == "futures:BTC/USDT:USDT:77"
