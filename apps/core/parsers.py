"""Bodies of requests, before anybody knows who sent them."""

from http import HTTPStatus
from typing import Any

import orjson
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

LARGEST_BODY = 1_000_000  # bytes; the largest that the API has a use for is a few hundred


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = f"A request's body may have up to {LARGEST_BODY} bytes."


class JsonBody(BaseParser):
    """By orjson: strict, fast, and not to be exhausted by depth. NaN, 1e400 and halves of letters are no JSON.

    No child of DRF's JSONParser: of that one Django has read the whole body, or refused to, before we are asked.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: dict[str, Any] | None = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH", "") if parser_context else ""
        if str(length).isdecimal() and int(length) > LARGEST_BODY:
            raise TooLarge
        # One that comes in parts has no length.
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise TooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            raise ParseError(f"The body is not JSON: {problem}.") from None
