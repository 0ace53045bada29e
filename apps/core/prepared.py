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
    """Stands in a `Prepared` query for a value of that field, to be told by this name when it is asked."""

    def __init__(self, name: str, field: Field) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s", [self]

    def passed(self, values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> Any:
        """As the field passes the value told to the database."""
        return self.output_field.get_db_prep_value(values[self.name], connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    sql: str
    parameters: Row
    # What makes a field's value of a database's, by column, where that takes something.
    converters: tuple[tuple[int, list[Converter], Any], ...]


class Prepared:
    """`find` gives the query, with a `Parameter` for whatever differs; `along` names a foreign key to follow.

    `_prepared.objects(uid=uid)` are the same objects as the query's own, with all of their columns.
    """

    def __init__(self, find: Callable[[], QuerySet], *, along: str = "") -> None:
        self._find, self._along = find, along
        self._written: dict[str, _Written] = {}  # by kind of database

    def objects(self, **values: Any) -> list[Any]:
        """Each value is told by its parameter's name."""
        connection = connections[DEFAULT_DB_ALIAS]
        written = self._written.get(connection.vendor)
        if written is None:
            written = self._written[connection.vendor] = self._write(connection)
        passed = [
            each.passed(values, connection) if isinstance(each, Parameter) else each for each in written.parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(written.sql, passed)
            rows = cursor.fetchall()
        return [self._object(_converted(row, written, connection)) for row in rows]

    def _write(self, connection: BaseDatabaseWrapper) -> _Written:
        found = self._find()
        self._model: type[Model] = found.model
        self._names = _columns(found.model)
        names = list(self._names)
        if self._along:
            self._other: type[Model] = found.model._meta.get_field(self._along).related_model
            self._others_names = _columns(self._other)
            names += [f"{self._along}__{name}" for name in self._others_names]
        compiler = found.values_list(*names).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        by_column = tuple((number, each, column) for number, (each, column) in converters.items())
        return _Written(sql=sql, parameters=tuple(parameters), converters=by_column)

    def _object(self, row: Row) -> Model:
        own = len(self._names)
        found = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[:own])
        if self._along:
            setattr(found, self._along, self._other.from_db(DEFAULT_DB_ALIAS, self._others_names, row[own:]))
        return found


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _converted(row: Row, written: _Written, connection: BaseDatabaseWrapper) -> Row:
    values = list(row)
    for number, converters, column in written.converters:
        for convert in converters:
            values[number] = convert(values[number], column, connection)
    return tuple(values)
