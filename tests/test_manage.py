"""`manage.py` in a bare shell: a home without anything in it, and no settings in the environment."""

import os
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.fixture
def typed(tmp_path):
    def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
        bare = {"PATH": os.environ["PATH"], "ALPHAPULSE_HOME": str(tmp_path)}
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False, timeout=60)

    return typed


def test_the_first_credential_key_can_be_made_before_there_is_one(typed):
    made = typed("make_credential_key", "--id", "first")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("first:")


def test_the_sandbox_explains_itself_where_nothing_is_set_up(typed):
    shown = typed("sandbox", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "--weight-limit" in shown.stdout


def test_what_needs_settings_says_which_one_is_missing_and_how_to_get_it(typed):
    refused = typed("sync_status")
    assert refused.returncode != 0
    assert "SECRET_KEY is not set" in refused.stderr
    assert "make run" in refused.stderr
    assert "Traceback" not in refused.stderr
