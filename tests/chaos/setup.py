"""This process has the models and the keys of the systems it starts, and no home of its own."""

import os
import signal

from config.embedded import deathsig


def set_django_up(folder: str) -> None:
    """Before anything that imports models."""
    from apps.core.encryption import new_key

    os.environ |= {
        "ALPHAPULSE_HOME": folder,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "only-for-chaos-" + "x" * 50,
        "CREDENTIAL_KEYS": new_key("chaos"),
        "AUDIT_SEAL_KEYS": new_key("seal"),
        "HTTPS": "false",
        "LOG_LEVEL": "WARNING",
    }
    for foreign in ("DATABASE_URL", "REDIS_URL", "SANDBOX_URL", "EGRESSES"):
        os.environ.pop(foreign, None)
    import django

    django.setup()


def begin_beside(parent: int, folder: str) -> None:
    """The same in a process that ends with the one that began it."""
    deathsig.follow(parent, signal.SIGKILL)
    set_django_up(folder)
