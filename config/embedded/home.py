"""The folder of one running system: its data, logs and pids, its secrets and addresses (`run.env`), its lock."""

import base64
import fcntl
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config import env

LOCK = "run.lock"
HEADER = """\
# Written by `make run`, read by config/env.py. Secrets are made once and kept: what is encrypted in the
# database needs them. Addresses are those of the last start.
"""


class HomeUnusable(RuntimeError):
    """The folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Home:
    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def pids(self) -> Path:
        return self.path / "pids"

    @property
    def run_env(self) -> Path:
        return self.path / env.RUN_ENV

    def prepare(self) -> None:
        """Make the folder and close it to everybody else."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._refuse_foreign_files()
            self.path.chmod(0o700)
            # The web server looks for collected files in `static`, and complains where there is no such folder.
            for folder in (self.logs, self.pids, self.path / "static"):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as exc:
            raise HomeUnusable(
                f"{self.path} cannot be used ({exc.strerror}): set ALPHAPULSE_HOME to a folder of yours."
            ) from exc

    def lock(self, about: str) -> IO[str]:
        """Held as long as the returned file is open; the kernel frees it however its holder ends.

        `about` is what a second supervisor is told about the first.
        """
        holder = open(self.path / LOCK, "a+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder.seek(0)
            first = holder.read().strip() or "starting"
            holder.close()
            raise HomeUnusable(
                f"AlphaPulse already runs on {self.path} ({first}): stop it first (Ctrl-C where it runs), "
                "or give this one a home of its own: ALPHAPULSE_HOME=DIR make run PORT=8080"
            ) from None
        holder.truncate(0)
        holder.write(about + "\n")
        holder.flush()
        return holder

    def read_run_env(self) -> dict[str, str]:
        return env.read_file(self.run_env)

    def write_run_env(self, values: Mapping[str, str]) -> None:
        """All of it, at once: a reader sees the old file or the new one."""
        # One line each: JSON that was exported over several lines means the same on one.
        lines = "".join(f"{key}={' '.join(value.splitlines())}\n" for key, value in values.items())
        draft = self.run_env.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(HEADER + lines)
        draft.replace(self.run_env)

    def _refuse_foreign_files(self) -> None:
        # `ALPHAPULSE_HOME=/tmp make run`, as root, must not close /tmp to everybody.
        ours = self.path == env.ROOT / "var" or self.run_env.exists() or (self.path / LOCK).exists()
        if not ours and any(self.path.iterdir()):
            raise HomeUnusable(f"{self.path} holds other files: set ALPHAPULSE_HOME to a folder of its own.")


def kept_secrets(written: Mapping[str, str]) -> dict[str, str]:
    """Those of the last start, and new ones for what it did not have; Django's may come from the environment."""
    new = {"CREDENTIAL_KEYS": _new_key("k1"), "AUDIT_SEAL_KEYS": _new_key("s1")}
    new["SECRET_KEY"] = secrets.token_urlsafe(50)
    fresh = {name: os.environ.get(name) or written.get(name) or value for name, value in new.items()}
    # The servers' own: nobody else knows them, and PostgreSQL's data folder was made with its one.
    for name in ("REDIS_PASSWORD", "POSTGRES_PASSWORD"):
        fresh[name] = written.get(name) or secrets.token_urlsafe(24)
    return fresh


def _new_key(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode('ascii')}"
