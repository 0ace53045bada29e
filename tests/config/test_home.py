import os
import stat
from pathlib import Path

import pytest

from config import env
from config.embedded.home import Home, HomeUnusable, kept_secrets


def test_a_home_is_closed_to_others_and_so_is_its_run_env(home: Home):
    home.write_run_env({"SECRET_KEY": "s"})
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.run_env.stat().st_mode) == 0o600


def test_what_is_written_to_run_env_is_read_back(home: Home):
    values = {"CREDENTIAL_KEYS": "k1:YWJjZA==", "REDIS_URL": "redis://:p%40w@127.0.0.1:1/0", "EMPTY": ""}
    home.write_run_env(values)
    assert home.read_run_env() == values


def test_secrets_are_made_once_and_kept(monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("CREDENTIAL_KEYS", raising=False)
    monkeypatch.delenv("AUDIT_SEAL_KEYS", raising=False)
    first = kept_secrets({})
    assert kept_secrets(first) == first
    assert set(kept_secrets({}).values()).isdisjoint(first.values())


def test_djangos_secrets_may_come_from_the_environment_and_the_servers_own_not(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("POSTGRES_PASSWORD", "of another server")
    kept = kept_secrets({"SECRET_KEY": "old", "POSTGRES_PASSWORD": "made with initdb"})
    assert kept["SECRET_KEY"] == "mine"
    assert kept["POSTGRES_PASSWORD"] == "made with initdb"


def test_a_home_tells_a_second_supervisor_about_the_first(home: Home):
    second_is_told = pytest.raises(HomeUnusable, match=r"already runs.*pid 17, port 8000")
    with home.lock(about="pid 17, port 8000"), second_is_told:
        home.lock(about="pid 18, port 8000")
    home.lock(about="pid 19, port 8000").close()


def test_a_folder_with_other_peoples_files_is_not_closed_to_them(tmp_path: Path):
    (tmp_path / "theirs").touch()
    os.chmod(tmp_path, 0o755)
    with pytest.raises(HomeUnusable, match="holds other files"):
        Home(tmp_path).prepare()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(HomeUnusable, match="set ALPHAPULSE_HOME"):
        Home(tmp_path / "file" / "home").prepare()


def test_the_file_that_env_reads_is_the_one_that_a_home_writes(home: Home):
    assert home.run_env == home.path / env.RUN_ENV
