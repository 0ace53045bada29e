"""`python -m tests.postgres COMMAND...`: the command with TEST_DATABASE_URL, ours or that of the environment."""

import os
import signal
import subprocess
import sys

from config.embedded import deathsig
from tests.servers import postgres_server

NAME = "TEST_DATABASE_URL"


def main(command: list[str]) -> int:
    if os.environ.get(NAME):
        return _call(command, os.environ[NAME])
    with postgres_server() as url:
        return _call(command, url)


def _call(command: list[str], url: str) -> int:
    return subprocess.call(
        command,
        env={**os.environ, NAME: url},
        preexec_fn=deathsig.in_child(signal.SIGTERM),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
