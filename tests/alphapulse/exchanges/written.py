"""The answers that we wrote after the exchanges' documentation (`tests/data/written`), for a scripted exchange."""

import json
import time
from pathlib import Path
from typing import Any

from tests.alphapulse.exchanges.scripted import Answer, Asked, Said

FOLDER = Path(__file__).parents[2] / "data" / "written"

EXCHANGES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def answers(exchange_id: str) -> dict[str, Answer]:
    """By `host/path`. `{"$by": parameter, ...}` chooses by a parameter of the request, `{"$now": unit}` is the time."""
    written = json.loads((FOLDER / f"{exchange_id}.json").read_text())["answers"]
    return {name: _answer(node) for name, node in written.items()}


def _answer(node: Any) -> Answer:
    def said(asked: Asked) -> Said:
        return Said(json=_now(_chosen(node, asked)))

    return said


def _chosen(node: Any, asked: Asked) -> Any:
    while isinstance(node, dict) and "$by" in node:
        node = node.get(asked.query.get(node["$by"], ""), node.get("*"))
    return node


def _now(node: Any) -> Any:
    if isinstance(node, dict):
        if "$now" in node:
            milliseconds = int(time.time() * 1000)
            units = {"ms": milliseconds, "ms_str": str(milliseconds), "s": milliseconds // 1000}
            return units[node["$now"]]
        return {key: _now(value) for key, value in node.items()}
    return [_now(value) for value in node] if isinstance(node, list) else node
