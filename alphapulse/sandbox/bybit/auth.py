"""Who signed a v5 request: the X-BAPI headers, the time window and the HMAC over what was sent."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from alphapulse.sandbox.bybit import errors

DEFAULT_WINDOW_MS = 5_000
AHEAD_MS = 1_000  # a timestamp may be this much in the future, whatever the window


@dataclass(frozen=True, slots=True)
class Signed:
    """`timestamp`, `window` and `payload` as they were signed: the raw query of a GET, the raw body of a POST."""

    api_key: str
    timestamp: str
    window: str
    signature: str
    payload: str

    @property
    def origin(self) -> str:
        return f"{self.timestamp}{self.api_key}{self.window}{self.payload}"


def read_headers(headers: Mapping[str, str], payload: str) -> Signed:
    """Raises BybitError where a header is missing, as Bybit does: each in its own words."""
    api_key = headers.get("X-BAPI-API-KEY", "")
    timestamp = headers.get("X-BAPI-TIMESTAMP", "")
    signature = headers.get("X-BAPI-SIGN", "")
    if not (api_key and timestamp and signature):
        raise errors.bad_parameter(
            f"empty value: apiTimestamp[{timestamp}] apiKey[{api_key}] apiSignature[{signature}]:"
            " openapi sign params error!"
        )
    return Signed(api_key, timestamp, headers.get("X-BAPI-RECV-WINDOW", ""), signature, payload)


def check_time(signed: Signed, server_ms: int) -> None:
    sent_ms, window_ms = _whole(signed.timestamp), _whole(signed.window or str(DEFAULT_WINDOW_MS))
    if not server_ms - window_ms <= sent_ms < server_ms + AHEAD_MS:
        raise errors.expired_timestamp(sent_ms, server_ms, window_ms)


def check_signature(signed: Signed, secret: str) -> None:
    expected = hmac.new(secret.encode(), signed.origin.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected, signed.signature.lower()):
        raise errors.bad_signature(signed.origin)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise errors.bad_parameter("params error: timestamp or recv_window invalid") from None
