"""What a setting's value is: the environment's, else the one that `make run` wrote down, else the default.

`$ALPHAPULSE_HOME/run.env` (default home: `var/` beside `manage.py`) holds KEY=VALUE lines with the secrets
and addresses of the running system: `manage.py` and `celery` find it from any shell, nothing is exported.
"""

from __future__ import annotations  # `str` and `bool` below are this module's readers, not types

import builtins
import json as _json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("ALPHAPULSE_HOME") or ROOT / "var").resolve()
RUN_ENV = "run.env"

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


class MissingSetting(RuntimeError):
    """A setting without which we refuse to start; its text says what to set."""


class MalformedSetting(RuntimeError):
    """A setting that is there and cannot be read; its text names it and what was expected."""


def read_file(path: Path) -> dict[builtins.str, builtins.str]:
    """The file's KEY=VALUE lines; blank lines and comments are skipped; {} where there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # Closed to this user is the same as absent: such a shell must bring its own environment.
        return {}
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#")]
    return {key.strip(): value.strip() for key, value in pairs}


_written: Mapping[builtins.str, builtins.str] = read_file(HOME / RUN_ENV)


def _find(name: builtins.str) -> builtins.str | None:
    # An empty variable counts as set: `SANDBOX_URL= python manage.py ...` turns one off for once.
    return os.environ[name] if name in os.environ else _written.get(name)


def str(name: builtins.str, default: builtins.str = "") -> builtins.str:
    found = _find(name)
    return default if found is None else found


def required(name: builtins.str, hint: builtins.str = "") -> builtins.str:
    """Raises MissingSetting, with the hint in its text, when unset or empty."""
    found = _find(name)
    if not found:
        raise MissingSetting(f"{name} is not set. {hint}".strip())
    return found


# What examples and templates are full of, and Django's own `startproject`.
GUESSABLE = ("django-insecure", "change-me", "changeme", "change_me", "replace", "example", "your-secret", "password")


def secret(name: builtins.str, hint: builtins.str) -> builtins.str:
    """Raises MissingSetting, and MalformedSetting for one that could be guessed; neither quotes it."""
    found = required(name, hint)
    is_example = any(word in found.lower() for word in GUESSABLE)
    if len(found) < 50 or len(set(found)) < 10 or is_example:
        raise MalformedSetting(f"{name} could be guessed: it is too short, too plain, or an example's. {hint}")
    return found


def bool(name: builtins.str, default: builtins.bool = False) -> builtins.bool:
    found = _find(name)
    if found is None:
        return default
    word = found.strip().lower()
    if word not in TRUE | FALSE:
        raise MalformedSetting(f"{name} is {found!r}: expected 1, true, yes, on or 0, false, no, off.")
    return word in TRUE


def int(name: builtins.str, default: builtins.int) -> builtins.int:
    found = _find(name)
    try:
        return builtins.int(found) if found else default
    except ValueError:
        raise MalformedSetting(f"{name} is {found!r}: expected a whole number.") from None


def share(name: builtins.str, default: float, *, most: float) -> float:
    """A part of a whole: from 0 to `most`."""
    found = _find(name)
    try:
        value = float(found) if found else default
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise MalformedSetting(f"{name} is {found!r}: expected a number from 0 to {most}.")
    return value


def list(name: builtins.str, default: builtins.str = "") -> builtins.list[builtins.str]:
    """Comma separated; blanks around and empty items are dropped."""
    return [item.strip() for item in str(name, default).split(",") if item.strip()]


def json(name: builtins.str, default: Any = None) -> Any:
    # The value itself is not quoted in the error: an egress may carry a proxy's password.
    found = _find(name)
    try:
        return _json.loads(found) if found else default
    except _json.JSONDecodeError as exc:
        raise MalformedSetting(f"{name} is not JSON ({exc.msg} at character {exc.pos + 1}).") from None
