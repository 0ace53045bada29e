"""One HTTP request and its answer, as errors and messages need them: without what must not leave this package."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

EXCERPT = 2000
HIDDEN = "***"
# Shorter values (a content type, "5000") hide nothing, and blanking them would make an answer unreadable.
_SHORTEST_SECRET = 8
# JSON within JSON within JSON: a gateway that wraps what it logs.
_NESTED = 3
_PLAIN_HEADERS = frozenset({"content-type", "user-agent", "accept", "accept-encoding", "referer", "origin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A signed request, to the exchange's own address; the route decides where it is really sent."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def secrets(self) -> list[str]:
        """Its signature, and every header that may carry a key."""
        body = self.body.decode(errors="replace") if self.body else ""
        fields = parse_qsl(urlsplit(self.url).query) + parse_qsl(body)
        signatures = [value for name, value in fields if "sign" in name.lower()]
        return [*signatures, *(value for name, value in self.headers.items() if name.lower() not in _PLAIN_HEADERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`document` is the decoded JSON, None where the body was none."""

    request: Request
    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)
    document: object = field(repr=False)
    sent_at: datetime
    received_at: datetime
    credentials: tuple[str, ...] = field(repr=False)

    @property
    def excerpt(self) -> str:
        """The start of the body, for a look."""
        return storable(self.redacted(self.text)[:EXCERPT])

    def redacted(self, text: str) -> str:
        """The text without what signed the request: an exchange may echo what we sent."""
        return redacted(text, spellings([*self.credentials, *self.request.secrets]))

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


def decoded(text: str) -> object:
    """The JSON document, None where the text is none. Numbers with a fraction stay the text they were: exact.

    Text that no database keeps (NUL, half a surrogate pair) is none either.
    """
    if _UNSTORABLE.search(text):
        return None
    try:
        return json.loads(text, parse_float=str, parse_constant=_refused)
    except ValueError:
        return None
    except RecursionError:  # brackets nested without end
        return None


# As escapes: in clear, the one is no JSON and the other no UTF-8. An escaped pair (\\ud83d\\ude00) is a character.
_UNSTORABLE = re.compile(
    r"\\u0000|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}", re.IGNORECASE
)


def storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, in whatever case: ccxt writes currencies in capitals."""
    lowered = text.lower()
    # Compiling all of them takes milliseconds, and most answers echo none.
    found = sorted((secret for secret in secrets if secret.lower() in lowered), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, found)), HIDDEN, text, flags=re.IGNORECASE) if found else text


def spellings(values: Iterable[str]) -> frozenset[str]:
    """The values as an echo may spell them: plain, in a URL, in HTML, in base64, in JSON, in JSON within JSON."""
    found: set[str] = set()
    for value in (value for value in values if len(value) >= _SHORTEST_SECRET):
        encoded = b64encode(value.encode()).decode()
        found |= {value, quote(value, safe=""), quote_plus(value), escape(value), encoded}
    for _ in range(_NESTED):
        found |= {json.dumps(spelling)[1:-1] for spelling in found}
    return frozenset(found)
