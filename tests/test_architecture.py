"""The import contracts of pyproject.toml, as a test, and what they do not see."""

import os
import subprocess
import sys

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from config.env import ROOT


def test_every_import_goes_down_the_house(capsys):
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_what_every_process_loads_holds_no_client_of_exchanges():
    """It is 75 MB, and the receivers of all apps are loaded everywhere: in the watchdog, too."""
    asked = "import sys, django; django.setup(); print(sorted({'ccxt', 'talib', 'skfolio'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings_test"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
