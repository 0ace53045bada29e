"""`python -m config.embedded.ping NAME...`: waits until a worker of each name has answered."""

import sys

from config.celery import app


def wait_for(names: set[str]) -> None:
    """Each round asks all workers and waits one second for their answers."""
    silent = set(names)
    while silent:
        for answer in app.control.ping(timeout=1.0):
            silent -= {node.partition("@")[0] for node in answer}


if __name__ == "__main__":
    wait_for(set(sys.argv[1:]))
