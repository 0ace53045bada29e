"""A column for money that keeps 38 digits on PostgreSQL and on SQLite.

Django's DecimalField keeps 15 digits on SQLite, silently: its NUMERIC affinity makes floats of long decimals.
Here SQLite stores text, compared by a collation of our own, so that `ORDER BY` and `WHERE total > 10` mean numbers.
"""

import sqlite3
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from alphapulse.money import NotMoney, plain, to_decimal

COLLATION = "money"


class MoneyField(models.Field):
    """An exact Decimal of any scale, up to 38 digits. Refuses floats: amounts are made from strings."""

    description = "Money"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "numeric" if connection.vendor == "postgresql" else f'text COLLATE "{COLLATION}"'

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Decimal | None:
        if isinstance(value, float):
            # SQLite's SUM and arithmetic make floats of text; what they lost nobody would notice.
            raise TypeError("SQLite calculates with floats: add the amounts up in Python")
        return None if value is None else Decimal(value)

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        if isinstance(value, float):
            raise ValidationError(f"{value!r} is a float; money is made from strings", code="float")
        try:
            return to_decimal(value)
        except NotMoney as problem:
            raise ValidationError(str(problem), code="not_money") from problem

    def get_prep_value(self, value: Any) -> Decimal | None:
        return self.to_python(super().get_prep_value(value))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        number = value if prepared else self.get_prep_value(value)
        if number is None or connection.vendor == "postgresql":
            return number
        return plain(number)

    def value_to_string(self, obj: models.Model) -> str:
        number = self.value_from_object(obj)
        return "" if number is None else plain(number)

    def formfield(self, **kwargs: Any) -> Any:
        from django import forms

        return super().formfield(**{"form_class": forms.DecimalField, **kwargs})


class Plain(models.Func):
    """Money as `alphapulse.money.plain` writes it, written by the database: for who only tells it."""

    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="trim_scale(%(expressions)s)::text")

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        # It is kept so.
        return self.as_sql(compiler, connection, template="%(expressions)s")


def teach_sqlite_money(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Every new SQLite connection learns to compare money."""
    if connection.vendor != "sqlite":
        return
    raw: sqlite3.Connection = connection.connection
    raw.create_collation(COLLATION, _compare)


def _compare(left: str, right: str) -> int:
    a, b = Decimal(left), Decimal(right)
    return (a > b) - (a < b)
