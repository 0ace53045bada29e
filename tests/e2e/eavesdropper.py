"""Everything that reaches a Redis-compatible server while one listens, and everything that it keeps."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

END = "the eavesdropper has heard enough"


class Eavesdropper:
    """`heard` is every command of every client: task messages, Celery's events, replies, budgets, the feed."""

    def __init__(self, url: str) -> None:
        self._server = redis.Redis.from_url(url, socket_timeout=None)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._lines: list[str] = []

    @property
    def heard(self) -> str:
        return "\n".join(self._lines)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.echo(END)
        self._thread.join(10)

    def _listen(self) -> None:
        with self._server.monitor() as monitor:
            self._ready.set()
            for command in monitor.listen():
                self._lines.append(command["command"])
                if END in command["command"]:
                    return

    def kept(self) -> bytes:
        """Its files, written anew and uncompressed: a dump of the keyspace, and the log of all commands."""
        self._server.config_set("rdbcompression", "no")
        self._server.save()
        folder = Path(self._server.config_get("dir")["dir"])
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert any(path.suffix == ".rdb" for path in files)
        assert any(".aof" in path.name for path in files)
        return b"\n".join(path.read_bytes() for path in files)
