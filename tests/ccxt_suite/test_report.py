"""The prover is proven: a harness that left something out, or was left alone, cannot pass."""

import json

import pytest

from tests.ccxt_suite.report import MUST_RUN, SECTIONS, read_report, totals
from tests.ccxt_suite.skips import ForbiddenSkip, as_ccxt_reads_them, read_skips


def _output(*, without: tuple[str, str] | None = None, instead: str = "") -> str:
    """What the harness prints with --info for a run in which every method that must run was done."""
    lines = []
    for section in SECTIONS:
        for method in MUST_RUN[section]:
            if (section, method) == without:
                lines.append(instead)
                continue
            lines += [f"[INFO] TESTING            bybit {method} ([])", f"[INFO] TESTING DONE       bybit {method}"]
        kind = "PUBLIC" if section.startswith("public") else "PRIVATE"
        lines.append(f"[INFO] END {kind}_TESTS bybit")
    return "\n".join(lines)


def test_a_run_in_which_everything_was_done_passes():
    report = read_report("bybit", "sync", _output(), exit_code=0)

    assert report.passed, report.failures
    assert report.summary().startswith("bybit sync: 19 run, 0 skipped, 0 failed")


@pytest.mark.parametrize(
    "instead",
    [
        "",
        "[INFO] SKIPPED_TEST       bybit fetchBalance",
        "[INFO] UNSUPPORTED_TEST   bybit fetchBalance",
        "[INFO] UNIMPLEMENTED_TEST bybit fetchBalance",
        "[INFO] TESTING            bybit fetchBalance ([])",
        "[INFO] TESTING FAILED     bybit fetchBalance\n[INFO] NOT_SUPPORTED bybit fetchBalance [] no",
    ],
)
def test_a_run_that_left_out_one_section_s_fetch_balance_fails(instead):
    output = _output(without=("private swap", "fetchBalance"), instead=instead)

    report = read_report("bybit", "sync", output, exit_code=0)

    assert report.failures == ["fetchBalance was not run to its end (private swap)"]


@pytest.mark.parametrize(
    "complaint",
    [
        "[TEST_FAILURE] bybit fetchLedger [] (Last url: )",
        "[TEST_WARNING] bybit fetchLedger [] repeated Network/Availability issues",
        "[INFO] bybit fetchLedger [] Authentication problem for public method",
        "[INFO] Skipping private tests Keys not found",
    ],
)
def test_whatever_the_harness_only_mumbles_about_is_a_failure(complaint):
    output = f"{complaint} Traceback\n  File x\nccxt.base.errors.BadRequest: no\n[INFO] TESTING bybit x\n" + _output()

    report = read_report("bybit", "sync", output, exit_code=0)

    (failure,) = report.failures
    assert failure.startswith(complaint)
    assert failure.endswith("... ccxt.base.errors.BadRequest: no")


def test_a_harness_that_died_halfway_fails():
    output = _output().rpartition("[INFO] END")[0]

    report = read_report("bybit", "sync", output, exit_code=1)

    assert report.failures == [
        "the harness finished 3 of its 4 sections",
        "the harness ended with status 1",
    ]


def test_the_totals_add_up_all_runs():
    good = read_report("bybit", "sync", _output(), exit_code=0)
    bad = read_report("bybit", "async", _output(), exit_code=3)

    assert totals([good, bad]) == "ccxt suite: 38 run, 0 skipped, 1 failed"


def test_our_own_list_of_skips_is_allowed_and_gives_reasons():
    assert all(entry["reason"] for entry in read_skips())


@pytest.mark.parametrize(
    "entry",
    [
        {"exchange": "bybit", "method": "fetchBalance", "property": None, "reason": "it fails"},
        {"exchange": "bybit", "method": "ticker", "property": None, "reason": "it fails"},
        {"exchange": "bybit", "method": "fetchLedger", "property": None, "reason": ""},
        {"exchange": "bybit", "method": "fetchLedger", "reason": "half an entry"},
    ],
)
def test_a_skip_of_a_whole_method_that_must_run_is_refused(tmp_path, entry):
    path = tmp_path / "skips.json"
    path.write_text(json.dumps([entry]))

    with pytest.raises(ForbiddenSkip):
        read_skips(path)


def test_skips_are_handed_to_ccxt_in_its_own_form():
    entries = [
        {"exchange": "bybit", "method": "fetchPositions", "property": "collateral", "reason": "empty on UTA"},
        {"exchange": "bybit", "method": "fetchLedger", "property": None, "reason": "no id"},
    ]

    assert as_ccxt_reads_them(entries) == {
        "bybit": {"skipMethods": {"fetchPositions": {"collateral": "empty on UTA"}, "fetchLedger": "no id"}}
    }
