"""A scratch copy of the installed ccxt with its own test harness made to run, and the harness's settings beside it.

The harness refuses to test a package in site-packages. It looks for `keys.local.json` and `skip-tests.json` three
folders above itself, as in ccxt's repository, so the copy is laid out like that repository.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ccxt

from tests.ccxt_suite.repairs import repair
from tests.ccxt_suite.report import Report, read_report

LOOPBACK_ONLY = Path(__file__).parent / "loopback_only"
PROJECT = Path(__file__).parents[2]
RUN_SECONDS = 300


@dataclass(frozen=True)
class Harness:
    """`refused` lists what the harness asked of any other machine than this one; it must stay empty."""

    root: Path

    @property
    def refused(self) -> Path:
        return self.root / "refused.txt"

    @property
    def tests(self) -> Path:
        return self.root / "python" / "ccxt" / "test"


def prepare(root: Path) -> Harness:
    """Copy the installed package (bytecode too, it saves a minute of compiling) and repair its harness."""
    installed = Path(ccxt.__file__).parent
    root.mkdir(parents=True)
    shutil.copytree(installed, root / "python" / "ccxt")
    harness = Harness(root)
    harness.refused.touch()
    repair(harness.tests)
    return harness


def write_settings(harness: Harness, keys: dict[str, Any], skips: dict[str, Any]) -> None:
    (harness.root / "keys.local.json").write_text(json.dumps(keys, indent=1))
    (harness.root / "skip-tests.json").write_text(json.dumps(skips, indent=1))


def run(harness: Harness, exchange: str, mode: str) -> Report:
    """One run of the harness, `mode` being sync or async; what it printed stays in the scratch folder."""
    command = [sys.executable, "tests_init.py", "--private", "--fundedTests", "--info"]
    command += ["--sync"] if mode == "sync" else []
    log = harness.root / f"{exchange}-{mode}.log"
    with log.open("w") as output:
        finished = subprocess.run(
            [*command, exchange],
            cwd=harness.tests,
            env=_environment(harness),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
    report = read_report(exchange, mode, log.read_text(), exit_code=finished.returncode)
    report.failures += [f"asked for another machine: {line}" for line in harness.refused.read_text().splitlines()]
    return report


def _environment(harness: Harness) -> dict[str, str]:
    """Nothing of ours but the path: no proxies, no keys, no settings of a running system."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join([str(LOOPBACK_ONLY), str(harness.root / "python")]),
        "PYTHONUNBUFFERED": "1",
        "CCXT_SUITE_REFUSED": str(harness.refused),
    }
