"""The system's Celery application with tasks that no system should have: `celery -A tests.chaos.rogue worker`."""

from pathlib import Path

from config.celery import app

__all__ = ["app"]


@app.task(name="chaos.eat")
def eat(**_: object) -> None:
    raise MemoryError


@app.task(name="chaos.touch")
def touch(*, path: str, **_: object) -> None:
    Path(path).touch()
