import socket

import pytest

from config.embedded import decisions, ports
from config.embedded.decisions import decide, inherited_environment
from config.embedded.home import Home


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in (*decisions.DECIDED, *decisions.PASSED_ON):
        monkeypatch.delenv(name, raising=False)


def start(home: Home, db: str | None = "sqlite") -> tuple[dict[str, str], list[str]]:
    settings, servers = decide(home, db=db, port=8000)
    home.write_run_env(settings)
    return settings, [server.service.name for server in servers]


def test_on_a_bare_machine_redis_and_the_sandbox_are_ours_and_the_database_is_a_file(home: Home):
    settings, servers = start(home)
    assert servers == ["valkey"]
    assert settings["SANDBOX_URL"].startswith("http://127.0.0.1:")
    assert "DATABASE_URL" not in settings


def test_servers_that_the_environment_names_are_used_and_written_down(home: Home, monkeypatch):
    named = {"DATABASE_URL": "postgres://d/x", "REDIS_URL": "redis://r/0", "SANDBOX_URL": "http://s:1"}
    for name, url in named.items():
        monkeypatch.setenv(name, url)
    settings, servers = start(home, db="postgres")
    assert servers == []
    assert {name: settings[name] for name in named} == named


def test_the_next_start_without_them_goes_back_to_our_own(home: Home, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://somewhere.example/0")
    start(home)
    monkeypatch.delenv("REDIS_URL")
    settings, servers = start(home)
    assert servers == ["valkey"]
    assert "somewhere" not in settings["REDIS_URL"]


def test_who_forgets_to_name_the_database_gets_the_one_of_last_time(home: Home):
    assert start(home, db="postgres")[1] == ["valkey", "postgres"]
    assert start(home, db=None)[1] == ["valkey", "postgres"]
    assert decisions.database_of(home) == "postgres"
    assert start(home, db="sqlite")[1] == ["valkey"]


def test_a_new_home_is_on_sqlite(home: Home):
    assert start(home, db=None)[1] == ["valkey"]


def test_a_second_start_keeps_secrets_and_ports(home: Home):
    assert start(home) == start(home)


def test_a_port_that_was_taken_meanwhile_is_given_up(home: Home):
    first, _ = start(home)
    with socket.create_server((ports.LOOPBACK, decisions.port_of(first["REDIS_URL"]))):
        second, _ = start(home)
    assert second["REDIS_URL"] != first["REDIS_URL"]
    assert second["SECRET_KEY"] == first["SECRET_KEY"]


def test_gateways_are_never_set_by_us_and_written_down_where_the_environment_has_them(home: Home, monkeypatch):
    assert "EXCHANGE_GATEWAYS" not in start(home)[0]
    monkeypatch.setenv("EXCHANGE_GATEWAYS", '{"binance":\n "http://gateway"}')
    start(home)
    assert home.read_run_env()["EXCHANGE_GATEWAYS"] == '{"binance":  "http://gateway"}'
    monkeypatch.delenv("EXCHANGE_GATEWAYS")
    assert "EXCHANGE_GATEWAYS" not in start(home)[0]


def test_processes_read_what_was_decided_from_the_file_and_not_from_their_environment(home: Home, monkeypatch):
    monkeypatch.setenv("SANDBOX_URL", "")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "another.project")
    environment = inherited_environment(home)
    assert environment["ALPHAPULSE_HOME"] == str(home.path)
    assert environment["DJANGO_SETTINGS_MODULE"] == "config.settings"
    assert decisions.DECIDED.isdisjoint(environment)


def test_everything_that_is_written_down_is_either_decided_or_passed_on(home: Home):
    settings, _ = start(home)
    assert set(settings) <= decisions.DECIDED
