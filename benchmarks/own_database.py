"""A new database for one benchmark, with tables and no workers; gone at the end."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

NAME = "TEST_DATABASE_URL"


@contextmanager
def own_database(*, sqlite: bool = False) -> Iterator[None]:
    """On the PostgreSQL of TEST_DATABASE_URL, or one from the wheel; or SQLite. Django is set up inside."""
    if sqlite:
        os.environ.pop(NAME, None)
    with ExitStack() as stack:
        if not sqlite and not os.environ.get(NAME):
            from tests.servers import postgres_server

            os.environ[NAME] = stack.enter_context(postgres_server())
        with _tables():
            yield


@contextmanager
def _tables() -> Iterator[None]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"
    import django
    from django.test.utils import setup_databases, teardown_databases

    django.setup()
    from config.celery import app

    # Who hears of what is stored queues work; here nobody does it.
    app.conf.broker_url = "memory://"
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(databases, verbosity=0)
