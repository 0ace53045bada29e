"""Strings that must appear nowhere, and looking for them in every spelling."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from urllib.parse import quote


def spellings(canary: str) -> set[bytes]:
    """As it is, in a URL, in JSON, in hexadecimal, and inside a longer text in base64 (at each of three offsets)."""
    raw = canary.encode()
    found = {raw, quote(canary, safe="").encode(), json.dumps(canary)[1:-1].encode(), raw.hex().encode()}
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + raw)
        # The first and last groups mix with what stands beside the canary.
        found.add(encoded[4 if offset else 0 : -4])
    return found


def unfolded(text: str) -> str:
    """With what is base64 in it spelled out behind: the bodies of task messages and of Celery's events."""
    folded = re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text)
    return "\n".join([text, *(b64decode(run[: len(run) // 4 * 4]).decode(errors="replace") for run in folded)])


def found_in(haystack: bytes | str, canaries: Iterable[str]) -> list[str]:
    """The canaries that are in it, with what stands around the first find."""
    straw = haystack.encode() if isinstance(haystack, str) else haystack
    finds = []
    for canary in canaries:
        for spelling in spellings(canary):
            at = straw.find(spelling)
            if at >= 0:
                around = straw[max(0, at - 150) : at + len(spelling) + 50]
                finds.append(f"{canary} in ...{around.decode(errors='replace')}...")
                break
    return finds
