"""Queries that nearly every request asks: their SQL is written once.

Django takes longer to write the SQL of a small query than PostgreSQL takes to answer it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, Model, QuerySet

Row = tuple[Any, ...]
Converter = Callable[[Any, Any, BaseDatabaseWrapper], Any]


class Parameter(Expression):
    """Stands in a `Prepared` query for a value of that field, to be told by this name when it is asked.

    With a `number`, for one of several that are told together.
    """

    def __init__(self, name: str, field: Field, *, number: int | None = None) -> None:
        super().__init__(output_field=field)
        self.name, self.number = name, number

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s", [self]

    def passed(self, values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> Any:
        """As the field passes the value told to the database."""
        told = values[self.name]
        return self.output_field.get_db_prep_value(told if self.number is None else told[self.number], connection)


class Parameters(Expression):
    """Stands behind `__in` for that many values of that field, told as a list."""

    def __init__(self, name: str, field: Field, *, count: int) -> None:
        super().__init__(output_field=field)
        self._each = [Parameter(name, field, number=number) for number in range(count)]

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return f"({', '.join('%s' for _ in self._each)})", list(self._each)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    sql: str
    parameters: Row
    # What makes a field's value of a database's, by column, where that takes something.
    converters: tuple[tuple[int, list[Converter], Any], ...]


class Prepared:
    """`find` gives a query of `values_list`, with a `Parameter` for whatever differs."""

    def __init__(self, find: Callable[[], QuerySet]) -> None:
        self._find = find
        self._written: dict[str, _Written] = {}  # by kind of database

    def rows(self, **values: Any) -> list[Row]:
        """As the query's own. Each value is told by its parameter's name."""
        connection = connections[DEFAULT_DB_ALIAS]
        written = self._written.get(connection.vendor)
        if written is None:
            written = self._written[connection.vendor] = _write(self._find(), connection)
        passed = [
            each.passed(values, connection) if isinstance(each, Parameter) else each for each in written.parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(written.sql, passed)
            rows: list[Row] = cursor.fetchall()
        return [_converted(row, written, connection) for row in rows] if written.converters else rows


class PreparedObjects:
    """The same for a query of objects: all of their columns. `along` names a foreign key to follow."""

    def __init__(self, find: Callable[[], QuerySet], *, along: str = "") -> None:
        self._find, self._along = find, along
        self._prepared = Prepared(self._values)

    def objects(self, **values: Any) -> list[Any]:
        return [self._object(row) for row in self._prepared.rows(**values)]

    def _values(self) -> QuerySet:
        found = self._find()
        self._model, self._names = found.model, _columns(found.model)
        if not self._along:
            return found.values_list(*self._names)
        self._other = found.model._meta.get_field(self._along).related_model
        self._others_names = _columns(self._other)
        return found.values_list(*self._names, *(f"{self._along}__{name}" for name in self._others_names))

    def _object(self, row: Row) -> Model:
        own = len(self._names)
        found: Model = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[:own])
        if self._along:
            setattr(found, self._along, self._other.from_db(DEFAULT_DB_ALIAS, self._others_names, row[own:]))
        return found


def _write(found: QuerySet, connection: BaseDatabaseWrapper) -> _Written:
    compiler = found.query.get_compiler(connection=connection)
    sql, parameters = compiler.as_sql()
    converters = compiler.get_converters([column for column, *_ in compiler.select])
    by_column = tuple((number, each, column) for number, (each, column) in converters.items())
    return _Written(sql=sql, parameters=tuple(parameters), converters=by_column)


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _converted(row: Row, written: _Written, connection: BaseDatabaseWrapper) -> Row:
    values = list(row)
    for number, converters, column in written.converters:
        for convert in converters:
            values[number] = convert(values[number], column, connection)
    return tuple(values)
