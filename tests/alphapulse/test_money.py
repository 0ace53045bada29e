from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.money import (
    MAX_DIGITS,
    NotMoney,
    add,
    negated,
    optional_decimal,
    plain,
    round_down,
    size,
    subtract,
    to_decimal,
)

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**18), max_value=10**18)
steps = st.sampled_from([Decimal(text) for text in ("1", "10", "0.5", "0.001", "1E-8", "1E-18", "0.025")])


@pytest.mark.parametrize(
    ("sent", "exact"),
    [
        ("0.00000001", "0.00000001"),
        ("1e-8", "0.00000001"),
        ("4723846.89208129", "4723846.89208129"),
        ("1000000000000000000.000000000000000001", "1000000000000000000.000000000000000001"),
        ("+5.0", "5"),
        (" 7 ", "7"),
        ("-0.5", "-0.5"),
        (12, "12"),
        (10**18, "1000000000000000000"),
        (0.1, "0.1"),
        (1e-8, "0.00000001"),
        (Decimal("1.10"), "1.10"),
    ],
)
def test_an_amount_is_exactly_what_was_sent(sent, exact):
    assert to_decimal(sent) == Decimal(exact)


@pytest.mark.parametrize(
    "sent", ["NaN", "sNaN", "Infinity", "-inf", "", "twelve", "1,5", "0x10", None, True, False, [1], {}, b"1", 1j]
)
def test_what_is_no_amount_is_refused(sent):
    with pytest.raises(NotMoney):
        to_decimal(sent)


@pytest.mark.parametrize(
    "sent", ["1" * (MAX_DIGITS + 1), "1e38", "1e400", "1E-39", "0." + "1" * 39, float("nan"), float("inf")]
)
def test_longer_than_any_real_amount_is_refused(sent):
    with pytest.raises(NotMoney):
        to_decimal(sent)


@pytest.mark.parametrize("sent", ["9" * MAX_DIGITS, "1e37", "1E-38", "0.000", "0e-30"])
def test_as_long_as_a_column_is_accepted(sent):
    assert to_decimal(sent) == Decimal(sent)


def test_nothing_said_is_unknown_and_zero_is_zero():
    assert optional_decimal(None) is None
    assert optional_decimal("") is None
    assert optional_decimal("0") == 0
    with pytest.raises(NotMoney):
        optional_decimal("-")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E-8", "0.00000001"),
        ("1E+18", "1000000000000000000"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("0.00", "0"),
        ("-0", "0"),
        ("-2.50", "-2.5"),
    ],
)
def test_the_plain_text_has_no_exponent_and_no_trailing_zeros(number, text):
    assert plain(Decimal(number)) == text


@given(amounts)
def test_the_plain_text_is_the_same_amount(amount):
    assert to_decimal(plain(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "step", "rounded"),
    [
        ("1.2399", "0.01", "1.23"),
        ("0.00000001", "0.00000001", "0.00000001"),
        ("0.009", "0.01", "0"),
        ("7", "2.5", "5"),
        ("-1.29", "0.1", "-1.2"),
        ("1000000000000000000.5", "1", "1000000000000000000"),
        ("123456789.123456789123456789", "1E-18", "123456789.123456789123456789"),
        ("1.5", "0", "1.5"),
    ],
)
def test_amounts_round_down_to_the_step(amount, step, rounded):
    assert round_down(Decimal(amount), step=Decimal(step)) == Decimal(rounded)


@given(amounts, steps)
def test_rounding_down_never_grows_and_never_loses_a_whole_step(amount, step):
    rounded = round_down(amount, step=step)
    # The usual 28 digits would round the test's own arithmetic.
    with localcontext(prec=100):
        assert abs(rounded) <= abs(amount)
        assert abs(amount) - abs(rounded) < step
        assert rounded % step == 0


@given(amounts, amounts)
def test_sums_and_differences_are_exact_whatever_the_context(one, other):
    with localcontext() as context:
        context.prec = 3
        total, difference = add(one, other), subtract(one, other)
        assert (size(negated(one)), negated(negated(one))) == (one.copy_abs(), one)
    with localcontext() as context:
        context.prec = 100
        assert (total, difference) == (one + other, one - other)


def test_a_sum_that_no_column_keeps_is_refused():
    with pytest.raises(NotMoney):
        add(Decimal("9" * MAX_DIGITS), Decimal(1))
