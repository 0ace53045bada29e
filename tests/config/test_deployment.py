"""`Procfile` and `docker-compose.yml` describe the processes that `make run` starts."""

import re
import shlex

import pytest
import yaml
from django.conf import settings
from granian.cli import cli as granian

from config.celery import app
from config.embedded import services
from config.embedded.postgres import GRACE
from config.embedded.processes import Stage
from config.embedded.valkey import valkey
from config.env import ROOT
from config.schedule import QUEUES

WORKERS = ("worker-compute", "worker-control", "worker-resync", "worker-sync")
OURS = {"web", "feed", *WORKERS, "beat", "watchdog"}


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def procfile() -> dict[str, list[str]]:
    lines = [line.split(":", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line]
    return {name: shlex.split(command) for name, command in lines}


def test_both_name_the_same_processes_and_a_migration(compose, procfile):
    assert set(compose["services"]) == OURS | {"postgres", "redis", "migrate", "proxy"}
    assert set(procfile) == OURS | {"release"}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_takes_the_same_queue_with_the_same_threads_everywhere(compose, procfile, name):
    embedded = next(worker.argv for worker in services.workers() if worker.name.startswith(name))
    for option in ("-Q", "-c", "-P"):
        everywhere = {_after(option, argv) for argv in (compose["services"][name]["command"], procfile[name], embedded)}
        assert len(everywhere) == 1


def test_who_calculates_does_so_in_children_of_the_same_bounds_everywhere(compose, procfile):
    embedded = next(worker.argv for worker in services.workers() if worker.name == "worker-compute")
    for argv in (compose["services"]["worker-compute"]["command"], procfile["worker-compute"], embedded):
        told = [_after(option, argv) for option in ("-P", "--max-tasks-per-child", "--max-memory-per-child")]
        assert told == [services.PREFORK[1], services.PREFORK[3], services.PREFORK[5]]


def test_every_queue_that_a_task_is_routed_to_has_a_worker():
    routed = set(QUEUES) | {route["queue"] for route in app.conf.task_routes.values()} | {app.conf.task_default_queue}
    assert routed == {queue for _, queue, _ in services.WORKERS}


def test_the_watchdog_watches_every_queue():
    routed = {route["queue"] for route in app.conf.task_routes.values()} | {app.conf.task_default_queue}
    assert routed == set(settings.QUEUES)


@pytest.mark.parametrize("queue", QUEUES)
def test_beat_sends_a_heartbeat_through_every_queue(queue):
    entry = app.conf.beat_schedule[f"heartbeat of {queue}"]
    assert (entry["task"], entry["kwargs"]) == ("system.heartbeat", {"queue": queue})
    assert entry["options"] == {"expires": 10.0, "queue": queue}


def test_every_process_waits_for_the_migrations_and_has_the_servers_addresses(compose):
    for name in OURS:
        service = compose["services"][name]
        assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "CREDENTIAL_KEYS", "AUDIT_SEAL_KEYS"} <= set(
            service["environment"]
        )


def test_workers_give_unfinished_work_back_before_compose_kills_them(compose):
    for name in WORKERS:
        service = compose["services"][name]
        assert service["environment"]["REMAP_SIGTERM"] == "SIGQUIT"
        assert int(service["stop_grace_period"].rstrip("s")) > app.conf.worker_soft_shutdown_timeout


def test_what_compose_requires_is_in_the_example(compose):
    text = (ROOT / "docker-compose.yml").read_text()
    required = set(re.findall(r"\$\{(\w+):\?", text))
    example = (ROOT / "deploy" / "env.example").read_text()
    assert required
    assert required <= set(re.findall(r"^(\w+)=", example, flags=re.MULTILINE))


def test_no_secret_is_written_into_the_files(compose):
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD|AUTH", name):
                assert value.startswith("${")


def test_granian_knows_every_option_that_we_give_it(compose, procfile):
    known = {option for parameter in granian.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for argv in (compose["services"]["web"]["command"], procfile["web"]):
        assert {word for word in argv if word.startswith("--")} <= known


def test_every_file_that_the_image_copies_is_there():
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert copied
    assert all((ROOT / name).exists() for names in copied for name in names.split())


def test_all_stages_together_end_within_forty_seconds_even_if_each_has_to_be_killed(tmp_path):
    everything = [
        services.sandbox("http://127.0.0.1:9100", tmp_path),
        services.web("127.0.0.1", 8000),
        *services.workers(),
        services.beat("schedule"),
        services.watchdog(),
        valkey(tmp_path / "valkey", port=1, password="p").service,
    ]
    # PostgreSQL has the longest grace of its stage; making one for its number alone would take initdb.
    slowest = {Stage.SERVERS: GRACE}
    for service in everything:
        slowest[service.stage] = max(slowest.get(service.stage, 0.0), service.grace)
    assert set(slowest) == set(Stage)
    assert sum(slowest.values()) < 38


def _after(option: str, argv: list[str]) -> str:
    return argv[argv.index(option) + 1]
