"""The step before all others, as a fresh clone takes it; an empty requirements file needs no package index."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import venv
from config.env import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    script = tmp_path / "config" / "embedded" / "venv.py"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "config" / "embedded" / "venv.py", script)
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    return tmp_path


def prepare(clone: Path) -> str:
    command = [sys.executable, "config/embedded/venv.py", "requirements.txt"]
    return subprocess.run(command, cwd=clone, check=True, capture_output=True, text=True).stdout


def test_a_python_that_is_too_old_is_told_what_is_needed_and_how_to_name_another():
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or later; .* is 3\.8\.\n.*PYTHON=") as raised:
        venv.require_version((3, 8, 10))
    assert raised.value.code != 0


@pytest.mark.slow
def test_the_environment_is_made_once_and_filled_again_only_when_the_requirements_changed(clone: Path):
    assert "making a virtual environment" in prepare(clone)
    assert (clone / ".venv" / "bin" / "python").exists()
    assert prepare(clone) == ""
    (clone / "requirements.txt").write_text("# nothing, but another nothing\n")
    again = prepare(clone)
    assert "installing requirements.txt" in again
    assert "making" not in again


@pytest.mark.slow
def test_a_broken_environment_is_made_again(clone: Path):
    prepare(clone)
    (clone / ".venv" / "bin" / "python").unlink()
    assert "making a virtual environment" in prepare(clone)


@pytest.mark.slow
def test_a_requirement_that_cannot_be_installed_stops_make(clone: Path):
    (clone / "requirements.txt").write_text("./no-such-folder\n")
    command = [sys.executable, "config/embedded/venv.py", "requirements.txt"]
    done = subprocess.run(command, cwd=clone, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "pip could not install requirements.txt" in done.stderr
    assert list((clone / ".venv").glob(".installed-*")) == []
