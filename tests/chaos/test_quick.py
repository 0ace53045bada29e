"""The quick part of `make chaos`."""

import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_the_quick_scenarios_keep_their_promises():
    command = [sys.executable, "-m", "tests.chaos", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    assert done.stdout.splitlines()[-1].endswith(" held, 0 broken")
