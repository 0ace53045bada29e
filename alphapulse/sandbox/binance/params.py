"""Reading Binance's parameters, with Binance's complaints about them, and writing its numbers."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation


class BinanceError(Exception):
    """Answered as `{"code": code, "msg": message}`, and `data` when there is some."""

    def __init__(self, code: int, message: str, status: int = 400, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


class Params:
    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def has(self, name: str) -> bool:
        return bool(self.values.get(name))

    def required(self, name: str) -> str:
        value = self.values.get(name)
        if not value:
            raise BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str, default: int, *, most: int | None = None) -> int:
        value = self.values.get(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 20:
            raise BinanceError(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            )
        return int(value) if most is None else min(int(value), most)

    def required_int(self, name: str) -> int:
        self.required(name)
        return self.integer(name, 0)

    def decimal(self, name: str) -> Decimal | None:
        value = self.values.get(name)
        if not value:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or "e" in value.lower():
            raise BinanceError(
                -1100,
                f"Illegal characters found in parameter '{name}'; "
                "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
            )
        return number

    def required_decimal(self, name: str) -> Decimal:
        self.required(name)
        number = self.decimal(name)
        assert number is not None
        return number

    def flag(self, name: str) -> bool:
        return self.values.get(name, "").lower() == "true"


def fixed8(amount: Decimal) -> str:
    """Spot's way of writing every number: `0.00100000`."""
    return f"{amount:.8f}"
