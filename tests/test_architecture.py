"""The import contracts of pyproject.toml, as a test."""

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_every_import_goes_down_the_house(capsys):
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
