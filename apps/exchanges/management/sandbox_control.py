"""The control of the sandbox exchange, spoken over HTTP: see the README of `alphapulse.sandbox`."""

import urllib.error
import urllib.request
from typing import Any

import orjson

TIMEOUT_S = 10


class SandboxRefused(Exception):
    """What we asked the sandbox for was refused, or it is not there; the text says which."""


def control(base: str, method: str, path: str, **wish: object) -> Any:
    """The answer of `/_sandbox/<path>`. Raises SandboxRefused."""
    request = urllib.request.Request(  # noqa: S310 - the address is our own setting
        f"{base.rstrip('/')}/_sandbox/{path}",
        method=method,
        data=orjson.dumps(wish),
        headers={"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return orjson.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        raise SandboxRefused(f"The sandbox refused {path}: {refusal.read().decode(errors='replace')[:300]}") from None
    except (OSError, ValueError) as failure:
        raise SandboxRefused(f"The sandbox exchange at {base} does not answer ({failure}).") from None
