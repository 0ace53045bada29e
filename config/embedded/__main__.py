"""`make run`: servers, migrations, a demo user, and AlphaPulse's processes under one supervisor.

    python -m config.embedded [--db sqlite|postgres] [--host 127.0.0.1] [--port 8000]

`DATABASE_URL`, `REDIS_URL` and `SANDBOX_URL` in the environment name real servers: the embedded ones are then not
started.
"""

import argparse
import contextlib
import os
import sys

from config import env
from config.embedded import ports
from config.embedded.decisions import inherited_environment
from config.embedded.home import Home, HomeUnusable
from config.embedded.ports import PortUnusable
from config.embedded.servers import ServerFailed
from config.embedded.start import Plan, bring_up
from config.embedded.supervisor import StepFailed, StopRequested, Supervisor


def main() -> int:
    options = _options()
    os.umask(0o077)
    home = Home(env.HOME)
    try:
        home.prepare()
        # Named, so that it is open, and the lock held, until we end.
        lock = home.lock(about=f"pid {os.getpid()}, port {options.port}")
        # After the lock: who starts twice is told that it runs already, not that its port is taken.
        ports.require_free(options.port, options.host)
    except (HomeUnusable, PortUnusable) as exc:
        say(f"make run: {exc}")
        return 1
    with lock:
        return _supervise(home, options)


def say(line: str) -> None:
    # A closed terminal must not keep us from ending the others in order.
    with contextlib.suppress(OSError):
        print(line, flush=True)  # noqa: T201 - this program's voice


def _supervise(home: Home, options: argparse.Namespace) -> int:
    supervisor = Supervisor(home, environment=inherited_environment(home), cwd=env.ROOT, say=say)
    supervisor.catch_signals()
    if options.parent:
        supervisor.follow_parent(options.parent)
    try:
        bring_up(supervisor, Plan(home=home, db=options.db, host=options.host, port=options.port), say)
        supervisor.run_until_stopped()
    except StopRequested:
        return 0
    except (StepFailed, ServerFailed, PortUnusable, HomeUnusable) as exc:
        say(f"make run: {exc}")
        return 1
    finally:
        supervisor.stop()
        say("stopped")
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: expected a number from 1 to 65535")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description=__doc__)
    parser.add_argument("--db", choices=["sqlite", "postgres"], help="default: the last one of this home")
    parser.add_argument("--host", default=ports.LOOPBACK)
    parser.add_argument("--port", type=_port, default=8000)
    parser.add_argument("--parent", type=int, help="end in order when this process, our parent, has ended")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
