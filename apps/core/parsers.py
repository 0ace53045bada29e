"""Bodies of requests, before anybody knows who sent them."""

from http import HTTPStatus
from typing import Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

LARGEST_BODY = 1_000_000  # bytes; the largest that the API has a use for is a few hundred


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = f"A request's body may have up to {LARGEST_BODY} bytes."


class JsonBody(JSONParser):
    """DRF's parser reads a body of any size and depth into memory, also a stranger's."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: dict[str, Any] | None = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH", "") if parser_context else ""
        if str(length).isdecimal() and int(length) > LARGEST_BODY:
            raise TooLarge
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
