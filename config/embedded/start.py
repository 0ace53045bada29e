"""The start of the embedded system, step by step."""

import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.embedded import leftovers, ports, services
from config.embedded.decisions import database_of, decide, port_of
from config.embedded.home import Home
from config.embedded.servers import Server
from config.embedded.supervisor import StepFailed, Supervisor

READY_TIMEOUT = 120.0
# Without the proxy that the environment may name: it does not know our loopback.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Plan:
    home: Home
    db: str | None
    host: str
    port: int

    @property
    def address(self) -> str:
        host = {"0.0.0.0": ports.LOOPBACK, "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def bring_up(supervisor: Supervisor, plan: Plan, say: Callable[[str], None]) -> None:
    """Returns once the system answers; raises what says why it does not."""
    for name in leftovers.end_leftovers(plan.home.pids):
        say(f"ended {name}, left over from a start that was killed")
    last = database_of(plan.home)
    settings, servers = decide(plan.home, db=plan.db, port=plan.port)
    if last and last != settings["EMBEDDED_DB"]:
        say(f"on {settings['EMBEDDED_DB']} now: what was kept in {last} stays there (make run DB={last})")
    plan.home.write_run_env(settings)
    _start_servers(supervisor, plan, servers, say)
    say("starting migrations")
    supervisor.run("migrate", services.manage("migrate", "--noinput"))
    _make_demo(supervisor, settings["SANDBOX_URL"], say)
    _start_processes(supervisor, plan, say)
    supervisor.run("ping", services.workers_answer(), timeout=READY_TIMEOUT)
    supervisor.wait("/readyz", lambda: _is_ready(plan), timeout=READY_TIMEOUT)
    say(f"the sandbox exchange is at {settings['SANDBOX_URL']} (its control: alphapulse/sandbox/README.md)")
    say(f"ready  {plan.address}  (admin at /admin/, user demo)")


def _start_servers(supervisor: Supervisor, plan: Plan, servers: Sequence[Server], say: Callable[[str], None]) -> None:
    for server in servers:
        # Root's PostgreSQL keeps its data outside the home: worth a word.
        where = "" if server.data.is_relative_to(plan.home.path) else f"  (data in {server.data})"
        say(f"starting {server.service.name}{where}")
        supervisor.start(server.service)
    if not os.environ.get("SANDBOX_URL"):
        say("starting sandbox exchange")
        url, state = plan.home.read_run_env()["SANDBOX_URL"], plan.home.path / "sandbox.json"
        supervisor.start(services.sandbox(url, state))
    for server in servers:
        supervisor.wait(server.service.name, server.answers, timeout=30.0)


def _start_processes(supervisor: Supervisor, plan: Plan, say: Callable[[str], None]) -> None:
    say("starting web, workers, beat, watchdog")
    supervisor.start(services.web(plan.host, plan.port))
    for worker in services.workers():
        supervisor.start(worker)
    schedule = plan.home.path / "beat" / "schedule"
    schedule.parent.mkdir(exist_ok=True)
    supervisor.start(services.beat(str(schedule)))
    supervisor.start(services.watchdog())


def _make_demo(supervisor: Supervisor, sandbox_url: str, say: Callable[[str], None]) -> None:
    """The demo user and its accounts on the sandbox exchange; what is there already stays as it is."""
    port = port_of(sandbox_url)
    if port is not None:
        supervisor.wait("the sandbox exchange", lambda: ports.is_answered(port), timeout=60.0)
    say("starting demo user and accounts")
    password, outcome = secrets.token_urlsafe(9), ""
    try:
        outcome = "\n".join(supervisor.run("demo", services.manage("demo"), extra={"DEMO_PASSWORD": password}))
    except StepFailed as exc:
        outcome = str(exc)
        raise
    finally:
        # Told even if the accounts failed: the user is there, and the next start will not make it again.
        if "created user" in outcome:
            say(f"password: {password}")
    supervisor.follow_up("sandbox", services.demo_accounts())


def _is_ready(plan: Plan) -> bool:
    try:
        with _direct.open(f"{plan.address}/readyz", timeout=5.0) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
