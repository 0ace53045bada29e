"""Every request the sandbox saw, the last ones of them: memory is bounded."""

from collections import deque
from dataclasses import asdict, dataclass
from itertools import count


@dataclass(slots=True, kw_only=True)
class Record:
    """`status` is 0 for a request that got no answer, `code` what the exchange's JSON calls the outcome.

    `account` is the name the key belongs to.
    """

    id: int
    at_ms: int
    host: str
    method: str
    path: str
    params: dict[str, str]
    key: str
    account: str
    remote: str
    status: int = 0
    code: str = ""
    took_ms: float = 0.0
    fault: str = ""


class Journal:
    def __init__(self, kept: int) -> None:
        self._records: deque[Record] = deque(maxlen=kept)
        self._ids = count(1)
        self.seen = 0

    def next_id(self) -> int:
        self.seen += 1
        return next(self._ids)

    def add(self, record: Record) -> None:
        self._records.append(record)

    def clear(self) -> None:
        self._records.clear()

    def find(self, *, since: int = 0, limit: int = 1000, **equal: str) -> list[dict[str, object]]:
        """The newest `limit` records after id `since` whose fields equal what is asked, oldest first.

        `path` matches as a prefix.
        """
        path = equal.pop("path", "")
        found: list[dict[str, object]] = []
        for record in reversed(self._records):
            if record.id <= since or len(found) >= limit:
                break
            if record.path.startswith(path) and all(getattr(record, name) == value for name, value in equal.items()):
                found.append(asdict(record))
        return found[::-1]
