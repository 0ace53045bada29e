"""Lists that grow are read page by page, by cursor: rows that come and go meanwhile neither repeat nor hide others."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from apps.core.problems import BadParameter

BIGGEST_KEY = 2**63 - 1
LONGEST_NUMBER = 20  # digits


class Pages(CursorPagination):
    """`?page_size=` up to 500, 100 by itself; `?ordering=oldest` turns newest first round.

    `next` and `previous` are whole addresses, null at the ends.
    """

    page_size = 100
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (asked.isdecimal() and len(asked) < LONGEST_NUMBER and 1 <= int(asked) <= self.max_page_size):
            raise BadParameter(self.page_size_query_param, f"expected 1 to {self.max_page_size}, not {asked!r}.")
        return int(asked)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        newest = (self.ordering,) if isinstance(self.ordering, str) else tuple(self.ordering)
        orderings = {"newest": newest, "oldest": tuple(column.removeprefix("-") for column in newest)}
        asked = request.query_params.get("ordering", "newest")
        if asked not in orderings:
            raise BadParameter("ordering", f"expected one of {', '.join(orderings)}, not {asked!r}.")
        return orderings[asked]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        told = {
            "cursor": ({"type": "string"}, "Follow the address in `next` or `previous` as it is."),
            "page_size": ({"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": 100}, "Rows."),
            "ordering": ({"type": "string", "enum": ["newest", "oldest"], "default": "newest"}, "Which come first."),
        }
        return [
            {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
            for name, (schema, description) in told.items()
        ]

    def decode_cursor(self, request: Request) -> Cursor | None:
        """DRF lets through positions that are no key, which only the database would refuse."""
        try:
            cursor: Any = super().decode_cursor(request)
        except NotFound:
            raise self._bad_cursor() from None
        position = cursor and cursor.position
        if position is not None and not self.is_position(position):
            raise self._bad_cursor()
        return cursor

    def is_position(self, text: str) -> bool:
        return text.isdecimal() and len(text) < LONGEST_NUMBER and int(text) <= BIGGEST_KEY

    def _bad_cursor(self) -> BadParameter:
        return BadParameter(self.cursor_query_param, "follow the address in `next` or `previous` as it is.")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": address, "previous": address, "results": schema},
        }


class TimePages(Pages):
    """Newest first by the time of what happened: what is read back later comes into its place."""

    ordering = ("-exchange_at", "-pk")

    def is_position(self, text: str) -> bool:
        try:
            at = datetime.fromisoformat(text)
            return at.tzinfo is not None and at.astimezone(UTC) == at
        except (ValueError, OverflowError):  # beyond the years that there are, in UTC
            return False
