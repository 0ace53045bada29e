"""Reading a request's parameters: from the query of a GET and the JSON body of a POST alike."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from alphapulse.money import NotMoney, to_decimal
from alphapulse.sandbox.bybit import errors


class Category(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"
    OPTION = "option"


class Params:
    """Empty text and null are what Bybit takes them for: not given."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = {name: value for name, value in values.items() if value not in ("", None, "null")}

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        return None if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise errors.missing(name)
        return value

    def whole(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise errors.bad_parameter(f"params error: {name} invalid") from None

    def limit(self, *, default: int, most: int) -> int:
        """Bybit cuts a limit that is too large down to the most it gives."""
        value = self.whole("limit")
        if value is None:
            return default
        if value < 1:
            raise errors.bad_parameter("params error: limit invalid")
        return min(value, most)

    def money(self, name: str) -> Decimal | None:
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return to_decimal(value)
        except NotMoney:
            raise errors.bad_parameter(f"params error: {name} invalid") from None

    def flag(self, name: str) -> bool:
        return self._values.get(name) in (True, "true", "True", 1, "1")

    def category(self, default: Category | None = None) -> Category:
        value = self.text("category")
        if value is None and default is not None:
            return default
        try:
            return Category(self.required("category"))
        except ValueError:
            raise errors.bad_parameter("params error: category invalid") from None
