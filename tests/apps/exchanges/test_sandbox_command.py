"""`python manage.py sandbox`: what stops it from starting is said in words."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_busy_port_is_said_to_be_busy(busy_port: int):
    with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1:{busy_port}"):
        call_command("sandbox", "--port", str(busy_port), "--markets", "20")


def test_a_folder_without_candles_is_refused(tmp_path: Path):
    with pytest.raises(CommandError, match="no candle files"):
        call_command("sandbox", "--port", "0", "--candles", str(tmp_path))


def test_a_state_file_of_something_else_is_refused(tmp_path: Path):
    (tmp_path / "state.json").write_text("[]")

    with pytest.raises(CommandError, match="not a state file"):
        call_command("sandbox", "--port", "0", "--state", str(tmp_path / "state.json"))
