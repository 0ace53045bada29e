"""`make run`, for real: its start, its ends, and what is left after each of them."""

import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import psutil
import psycopg2
import pytest

from config.embedded.postgres import place_for

from .make_run import STOP, WORKERS, MakeRun, processes_of

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

PATIENCE = 120.0  # against hanging

SERVICES = sorted(["beat", "sandbox", "valkey", "watchdog", "web", *WORKERS])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def running(folder: Path):
    """One system for all tests that leave it running."""
    with MakeRun(folder / "home") as run:
        begun = time.monotonic()
        run.started()
        run.seconds_to_ready = time.monotonic() - begun
        yield run
        if run.make.poll() is None:
            run.press_ctrl_c()
            run.until_gone()


def test_it_is_ready_within_a_minute_and_tells_the_address_and_the_password_once(running):
    assert running.seconds_to_ready < 60
    assert running.lines[-1] == f"ready  http://127.0.0.1:{running.port}  (admin at /admin/, user demo)"
    assert len([line for line in running.lines if re.fullmatch(r"password: \S{8,}", line)]) == 1
    assert running.status_of("/readyz") == 200
    assert sorted(file.name for file in (running.home / "pids").iterdir()) == SERVICES


def test_the_admin_has_its_style_sheets(running):
    assert running.status_of("/admin/login/") == 200
    assert running.status_of("/static/admin/css/base.css") == 200


def test_another_shell_finds_the_settings_without_exporting_anything(running):
    assert running.shell("print(m().objects.get(username='demo').is_active)") == "True"
    assert running.workers_answer()


def test_the_gateways_of_live_accounts_are_not_set(running):
    assert "EXCHANGE_GATEWAYS" not in running.settings
    assert not any("EXCHANGE_GATEWAYS" in process.environ() for process in processes_of(running.home))


def test_only_the_web_port_listens_and_all_of_it_on_loopback(running):
    listening = {
        connection.laddr
        for process in processes_of(running.home)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert len(listening) == 3  # web, valkey, sandbox


def test_a_second_supervisor_on_the_same_home_is_told_and_touches_nothing(running):
    before = {process.pid for process in processes_of(running.home)}
    second = running.command("-m", "config.embedded", "--port", str(running.port))
    assert second.returncode != 0
    assert "already runs" in second.stdout
    assert f"port {running.port}" in second.stdout
    assert {process.pid for process in processes_of(running.home)} == before


def test_a_busy_port_is_named_before_anything_is_started(folder):
    with socket.create_server(("127.0.0.1", 0)) as listener, MakeRun(folder / "busy") as run:
        run.port = listener.getsockname()[1]
        run.start()
        assert run.make.wait(timeout=PATIENCE) != 0
        assert any(f"Port {run.port} is already in use" in line and "PORT=" in line for line in run.lines)
        assert not any(line.startswith("starting") for line in run.lines)


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_child_is_started_again_on_its_port_and_the_system_is_ready_again(running, name):
    killed = running.pid(name)
    settings = running.settings
    os.kill(killed, signal.SIGKILL)
    running.until(lambda: running.pid(name) not in {None, killed}, PATIENCE, f"{name} started again")
    running.until(lambda: running.status_of("/readyz") == 200, PATIENCE, f"ready after {name} was killed")
    assert running.workers_answer()
    running.until(
        lambda: set(running.sandbox_accounts().values()) == {1}, PATIENCE, "the demo accounts are on the sandbox"
    )
    assert running.settings == settings
    assert not psutil.pid_exists(killed)
    assert any(f"{name} ended (SIGKILL)" in line for line in running.lines)


def test_a_worker_that_ends_by_itself_with_status_0_is_started_again(running):
    ended = running.pid("worker-sync-2")
    shutdown = (
        "from config.celery import app; import socket; app.control.shutdown(['worker-sync-2@' + socket.gethostname()])"
    )
    assert running.command("-c", shutdown).returncode == 0
    running.until(lambda: running.pid("worker-sync-2") not in {None, ended}, PATIENCE, "worker-sync-2 started again")
    assert any("worker-sync-2 ended (exit status 0)" in line for line in running.lines)
    assert running.workers_answer()


def test_ctrl_c_ends_all_in_order_and_a_second_start_keeps_the_data(running):
    names = ("SECRET_KEY", "CREDENTIAL_KEYS", "AUDIT_SEAL_KEYS", "REDIS_URL", "SANDBOX_URL")
    secrets = {name: running.settings[name] for name in names}
    running.shell("m().objects.create_user('kept', password='p')")

    running.press_ctrl_c()
    assert running.until_gone() < STOP
    running.make.wait(timeout=PATIENCE)
    stopped = [line for line in running.lines if line.startswith("stopping")]
    assert stopped == [
        "stopping beat, watchdog",
        f"stopping {', '.join(WORKERS)}",
        "stopping web",
        "stopping sandbox",
        "stopping valkey",
    ]
    assert [line for line in running.lines if "killed" in line] == []

    running.started()
    assert not any(line.startswith("password") for line in running.lines)
    assert {name: running.settings[name] for name in secrets} == secrets
    assert running.shell("print(m().objects.filter(username='kept').count())") == "1"


@pytest.mark.parametrize("victim", ["make", "supervisor"])
def test_a_kill_of_make_or_of_the_supervisor_leaves_nothing_behind(running, victim):
    if running.make.poll() is not None:
        running.started()
    everybody = processes_of(running.home)
    everybody += [child for process in everybody for child in process.children(recursive=True)]
    (running.make if victim == "make" else running.supervisor).kill()
    running.until_gone()
    running.until(lambda: not any(process.is_running() for process in everybody), STOP, "ended: no child left")
    running.make.wait(timeout=PATIENCE)


@pytest.fixture
def on_postgres(folder):
    home = folder / "on-postgres"
    with MakeRun(home, "DB=postgres") as run:
        yield run
    # Root's PostgreSQL has its data outside the home, which its user may not enter.
    shutil.rmtree(place_for(home / "postgres").folder)


def test_it_runs_on_postgres_survives_its_end_and_leaves_nothing_when_killed(on_postgres):
    run = on_postgres.started()
    postgres = run.pid("postgres")
    os.kill(postgres, signal.SIGKILL)
    run.until(lambda: run.pid("postgres") not in {None, postgres}, PATIENCE, "postgres started again")
    run.until(lambda: takes_connections(run.settings["DATABASE_URL"]), PATIENCE, "postgres recovered")
    run.until(lambda: run.status_of("/readyz") == 200, PATIENCE, "ready after postgres was killed")
    # Not the web server's connections alone: the workers sync on by themselves.
    finished = "from apps.sync.models import SyncRun; print(SyncRun.objects.exclude(finished_at=None).count())"
    before = int(run.shell(finished))
    run.until(lambda: int(run.shell(finished)) > before + 3, PATIENCE, "syncs after postgres was killed")
    run.shell("m().objects.create_user('kept', password='p')")

    backends = psutil.Process(run.pid("postgres")).children(recursive=True)
    run.supervisor.kill()
    run.until_gone()
    run.until(lambda: not any(backend.is_running() for backend in backends), STOP, "ended: no backend left")
    run.make.wait(timeout=PATIENCE)

    run.started()
    assert run.shell("print(m().objects.filter(username='kept').count())") == "1"
    os.kill(run.make.pid, signal.SIGTERM)
    run.until_gone()
    assert [line for line in run.lines if line.startswith("stopping")][-1] == "stopping valkey, postgres"


def takes_connections(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True
