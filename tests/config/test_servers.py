"""The embedded servers, started for real."""

import os
import shutil
import stat
from pathlib import Path

import psycopg2
import pytest
import redis

from config.embedded import ports
from config.embedded.postgres import SHARED, place_for, postgres
from config.embedded.servers import ServerFailed, running
from config.embedded.valkey import valkey


@pytest.fixture
def start(tmp_path: Path):
    return lambda server: running(server, log=tmp_path / "server.log", environment=os.environ)


def test_valkey_asks_for_its_password_and_keeps_its_data(tmp_path, start):
    server = valkey(tmp_path / "valkey", port=ports.choose_port(), password="right")
    with start(server) as url, redis.Redis.from_url(url) as client:
        client.set("kept", "yes")
        stranger = redis.Redis.from_url(url.replace("right", "wrong"))
        with pytest.raises(redis.AuthenticationError):
            stranger.get("kept")
        stranger.close()
    with start(server) as url, redis.Redis.from_url(url) as client:
        assert client.get("kept") == b"yes"


def test_valkeys_password_is_readable_by_us_alone(tmp_path):
    server = valkey(tmp_path / "valkey", port=ports.choose_port(), password="secret-word")
    assert not any("secret-word" in argument for argument in server.service.argv)
    assert stat.S_IMODE((tmp_path / "valkey" / "valkey.conf").stat().st_mode) == 0o600


def test_a_server_that_does_not_start_shows_what_it_said(tmp_path, start):
    taken = ports.choose_port()
    first = valkey(tmp_path / "first", port=taken, password="p")
    second = valkey(tmp_path / "second", port=taken, password="q")
    with start(first), pytest.raises(ServerFailed, match=r"(?s)valkey did not start.*bind"), start(second):
        pass


@pytest.fixture
def closed_folder(tmp_path: Path):
    """As a home is: for root, whose server runs as nobody, the data must then lie elsewhere."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "postgres"
    yield folder
    elsewhere = place_for(folder).folder
    if SHARED in elsewhere.parents:
        shutil.rmtree(elsewhere)


def test_postgres_starts_under_a_closed_folder_and_keeps_its_data(closed_folder, start):
    server = postgres(place_for(closed_folder), port=ports.choose_port(), password="p")
    for statement in ("CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)", "SELECT n FROM kept"):
        with start(server) as url:
            found = _execute(url, statement)
    assert found == [(7,)]


def test_postgres_runs_from_a_copy_where_its_package_is_closed_to_nobody(closed_folder, start, monkeypatch):
    monkeypatch.setattr("config.embedded.postgres._everybody_may_enter", lambda path: False)
    place = place_for(closed_folder)
    with start(postgres(place, port=ports.choose_port(), password="p")) as url:
        assert _execute(url, "SELECT 1") == [(1,)]
    assert (place.folder in place.binaries.parents) is (os.geteuid() == 0)


def test_a_pid_file_whose_number_another_program_has_got_does_not_stop_postgres(closed_folder, start):
    place, port = place_for(closed_folder), ports.choose_port()
    postgres(place, port=port, password="p")
    (place.data / "postmaster.pid").write_text(f"{os.getpid()}\n{place.data}\n")
    with start(postgres(place, port=port, password="p")) as url:
        assert _execute(url, "SELECT 1") == [(1,)]


def _execute(url: str, statement: str) -> list[tuple]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
