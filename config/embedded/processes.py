"""Starting one process so that it ends with us, its log, and what its end looked like."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from config.embedded import deathsig

LOG_LIMIT = 5_000_000  # bytes; beyond it the older part moves to NAME.log.1, and what was there is forgotten


class Stage(IntEnum):
    """Stopped from the last to the first: nobody loses what it still needs."""

    SERVERS = 1
    SANDBOX = 2
    WEB = 3
    WORKERS = 4
    BEAT = 5


@dataclass(frozen=True, kw_only=True)
class Service:
    """A process that is to run until we stop; with `once`, until it has ended well."""

    name: str
    argv: Sequence[str]
    stage: Stage
    once: bool = False
    grace: float = 4.0  # seconds between asking it to end and SIGKILL
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL  # what it gets when the supervisor itself was killed
    user: int | None = None
    group: int | None = None
    cwd: Path | None = None  # None: the project's folder
    environment: Mapping[str, str] = field(default_factory=dict)


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Call it from the main thread (see `deathsig.follow`). Output is appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands, no shell
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of its own: the terminal's Ctrl-C reaches us alone, and we end the others in order.
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            preexec_fn=deathsig.in_child(death_signal),
        )


def how_it_ended(code: int) -> str:
    """In words, from Popen's return code."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def bound_log(log: Path, limit: int = LOG_LIMIT) -> None:
    """Copy and truncate: the process goes on appending to the same open file."""
    if log.exists() and log.stat().st_size > limit:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)


def last_lines(log: Path, count: int = 12, since: int = 0) -> list[str]:
    """The end of what was appended after byte `since`."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        # A log that was truncated in between is shorter than `since`.
        file.seek(max(since if since <= end else 0, end - 64_000))
        text = file.read().decode("utf-8", errors="replace")
    return text.splitlines()[-count:]
