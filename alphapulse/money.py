"""Money is `Decimal`, made from strings. Nobody else converts."""

from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation

# 1e18 of a meme coin with 1e-18 steps needs 37 digits. Django's, PostgreSQL's and our columns keep 38.
MAX_DIGITS = 38
_EXACT = Context(prec=2 * MAX_DIGITS)

ZERO = Decimal(0)


class NotMoney(ValueError):
    """What the exchange sent is not an amount: NaN, infinite, not a number, or longer than any real one."""


def to_decimal(value: object) -> Decimal:
    """`"0.00000001"`, `12` or an exchange's `1e-8` as an exact Decimal.

    A float is read by its shortest text (`str`), which is what was on the wire when it has 15 digits or fewer;
    `parse` takes amounts from raw strings so that this case stays rare. Raises NotMoney.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise NotMoney(f"{value!r} is not an amount")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise NotMoney(f"{value!r} is not an amount") from None
    if not number.is_finite():
        raise NotMoney(f"{value!r} is not finite")
    if _digits(number) > MAX_DIGITS:
        raise NotMoney(f"{value!r} has more than {MAX_DIGITS} digits")
    return number


def optional_decimal(value: object) -> Decimal | None:
    """Like `to_decimal`, where the exchange may say nothing: `None` and `""` are unknown, not zero."""
    if value is None or value == "":
        return None
    return to_decimal(value)


def plain(number: Decimal) -> str:
    """`Decimal("1E-8")` as `"0.00000001"`: the form of money on the wire and in text columns, no trailing zeros."""
    if number == 0:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def size(number: Decimal) -> Decimal:
    """Without its sign. `abs` and the operators would round to the 28 digits of Python's default context."""
    return number.copy_abs()


def negated(number: Decimal) -> Decimal:
    return number.copy_negate()


def add(one: Decimal, other: Decimal) -> Decimal:
    """The exact sum. Raises NotMoney where it is longer than any real amount."""
    return to_decimal(_EXACT.add(one, other))


def subtract(one: Decimal, other: Decimal) -> Decimal:
    """The exact difference. Raises NotMoney where it is longer than any real amount."""
    return to_decimal(_EXACT.subtract(one, other))


def round_down(amount: Decimal, *, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not larger than `amount` in size: amounts never round up."""
    if step <= 0:
        return amount
    return _EXACT.multiply(_EXACT.divide(amount, step).to_integral_value(rounding=ROUND_DOWN), step)


def _digits(number: Decimal) -> int:
    """How many digits the number has when written out plainly: 1E-8 has 8, 1E18 has 19."""
    _sign, digits, exponent = number.normalize(_EXACT).as_tuple()
    assert isinstance(exponent, int)
    if exponent >= 0:
        return len(digits) + exponent
    return max(len(digits), -exponent)
