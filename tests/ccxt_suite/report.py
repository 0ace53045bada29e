"""What one run of ccxt's test harness really did, read from what it printed.

The harness swallows exceptions, calls some failures warnings and leaves quietly when keys are missing; its exit
status says nothing. So a method counts as run only where its own "TESTING DONE" stands, and everything else that
the harness complains about is a failure here: on loopback there is no bad network to blame.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import takewhile

# With --info the harness prints the end of each section; it runs them in this order.
SECTIONS = ("public spot", "public swap", "private spot", "private swap")

_PUBLIC = ("fetchTicker", "fetchTickers", "fetchOHLCV", "fetchOrderBook")
_PRIVATE = ("fetchBalance", "createOrder", "fetchOpenOrders", "fetchClosedOrders", "fetchMyTrades")
MUST_RUN = {
    "public spot": _PUBLIC,
    "public swap": _PUBLIC,
    "private spot": _PRIVATE,
    "private swap": (*_PRIVATE, "fetchPositions"),
}
NEVER_SKIPPED = frozenset(name for names in MUST_RUN.values() for name in names)

_END = re.compile(r"^\[INFO\] END (PUBLIC|PRIVATE)_TESTS\b")
_EVENT = re.compile(
    r"^\[INFO\] (TESTING DONE|TESTING FAILED|SKIPPED_TEST|UNSUPPORTED_TEST|UNIMPLEMENTED_TEST|NOT_SUPPORTED)"
    r"\s+\S+ (\w+)"
)
_MARKER = re.compile(r"^\[(INFO|TEST_)|^ >>>>> test")
_CAUSE_LENGTH = 700
_COMPLAINT = re.compile(r"^\[TEST_(FAILURE|WARNING)\]|Authentication problem for public method|Keys not found")


@dataclass
class Report:
    exchange: str
    mode: str
    done: set[tuple[str, str]] = field(default_factory=set)
    skipped: set[tuple[str, str]] = field(default_factory=set)
    not_supported: set[tuple[str, str]] = field(default_factory=set)
    no_test: set[tuple[str, str]] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures

    def summary(self) -> str:
        return (
            f"{self.exchange} {self.mode}: {len(self.done)} run, {len(self.skipped)} skipped,"
            f" {len(self.failures)} failed ({len(self.not_supported)} the exchange or ccxt does not offer,"
            f" {len(self.no_test)} ccxt has no test for)"
        )

    def lines(self) -> list[str]:
        told = [self.summary()]
        for section in SECTIONS:
            names = sorted(name for where, name in self.done if where == section)
            told.append(f"    {section}: {', '.join(names) or 'nothing'}")
        told += [f"    skipped: {name} ({section})" for section, name in sorted(self.skipped)]
        told += [f"    FAILED: {failure}" for failure in self.failures]
        return told


def read_report(exchange: str, mode: str, output: str, *, exit_code: int) -> Report:
    report = Report(exchange, mode)
    ended = 0
    lines = output.splitlines()
    for number, line in enumerate(lines):
        if _END.match(line):
            ended += 1
        elif _COMPLAINT.search(line):
            report.failures.append(_with_its_cause(line, lines[number + 1 :]))
        elif event := _EVENT.match(line):
            section = SECTIONS[ended] if ended < len(SECTIONS) else "after the end"
            _note(report, section, what=event[1], method=event[2])
    report.failures += _what_is_missing(report, ended=ended, exit_code=exit_code)
    return report


def _with_its_cause(complaint: str, following: list[str]) -> str:
    """A complaint runs on into a traceback, whose last line says what was wrong."""
    traceback = list(takewhile(lambda line: not _MARKER.match(line), following))
    told = [line.strip() for line in traceback if line.strip()]
    return " ... ".join([complaint.strip(), *(line[:_CAUSE_LENGTH] for line in told[-1:])])


def _note(report: Report, section: str, *, what: str, method: str) -> None:
    place = (section, method)
    if what == "TESTING DONE":
        report.done.add(place)
    elif what == "SKIPPED_TEST":
        report.skipped.add(place)
    elif what == "UNIMPLEMENTED_TEST":
        report.no_test.add(place)
    elif what in ("UNSUPPORTED_TEST", "NOT_SUPPORTED"):
        report.not_supported.add(place)


def _what_is_missing(report: Report, *, ended: int, exit_code: int) -> list[str]:
    missing = [
        f"{method} was not run to its end ({section})"
        for section, methods in MUST_RUN.items()
        for method in methods
        if (section, method) not in report.done
    ]
    if ended != len(SECTIONS):
        missing.append(f"the harness finished {ended} of its {len(SECTIONS)} sections")
    if exit_code != 0:
        missing.append(f"the harness ended with status {exit_code}")
    return missing


def totals(reports: list[Report]) -> str:
    counts: Counter[str] = Counter()
    for report in reports:
        counts.update(run=len(report.done), skipped=len(report.skipped), failed=len(report.failures))
    return f"ccxt suite: {counts['run']} run, {counts['skipped']} skipped, {counts['failed']} failed"
