"""ccxt's own exchange tests against the sandbox exchange: `make ccxt-suite`, or `python -m tests.ccxt_suite`.

Options: `--exchange binance|bybit` and `--mode sync|async` to run a part, `--keep` to leave the scratch folder.
"""

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ccxt.base.errors import BaseError

from alphapulse.sandbox.testing import SandboxControl, SandboxServer
from tests.ccxt_suite import harness
from tests.ccxt_suite.harness import Harness
from tests.ccxt_suite.rehearsal import NoPast, give_a_past, new_account
from tests.ccxt_suite.report import Report, totals
from tests.ccxt_suite.skips import as_ccxt_reads_them, read_skips

EXCHANGES = ("binance", "bybit")
MODES = ("sync", "async")


def run_suite(
    exchanges: tuple[str, ...] = EXCHANGES, modes: tuple[str, ...] = MODES, *, keep: bool = False
) -> list[Report]:
    scratch = Path(tempfile.mkdtemp(prefix="ccxt-suite-"))
    try:
        with SandboxServer(markets=300) as sandbox, ThreadPoolExecutor(len(exchanges)) as pool:
            runs = pool.map(lambda exchange: _runs(sandbox, scratch, exchange, modes), exchanges)
            return [report for reports in runs for report in reports]
    finally:
        if keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch)


def _runs(sandbox: SandboxControl, scratch: Path, exchange: str, modes: tuple[str, ...]) -> list[Report]:
    """One exchange's runs, after each other, in a copy of their own: each has its own keys."""
    prepared = harness.prepare(scratch / exchange)
    return [run_one(sandbox, prepared, exchange, mode) for mode in modes]


def run_one(sandbox: SandboxControl, prepared: Harness, exchange: str, mode: str) -> Report:
    try:
        settings = new_account(sandbox, exchange, f"ccxt-{mode}")
        give_a_past(exchange, settings)
        harness.write_settings(prepared, {exchange: settings}, as_ccxt_reads_them(read_skips()))
        report = harness.run(prepared, exchange, mode)
    except (BaseError, NoPast) as error:
        report = Report(exchange, mode, failures=[f"before the harness: {type(error).__name__}: {error}"])
    print("\n".join(report.lines()), flush=True)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ccxt_suite", description=__doc__)
    parser.add_argument("--exchange", choices=EXCHANGES, action="append")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--keep", action="store_true")
    wanted = parser.parse_args()
    reports = run_suite(tuple(wanted.exchange or EXCHANGES), tuple(wanted.mode or MODES), keep=wanted.keep)
    print(totals(reports))
    return 0 if all(report.passed for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
