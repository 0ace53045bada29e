"""What the start decides: which servers are ours, where they listen, and so what `run.env` says."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from config.embedded import ports
from config.embedded.home import Home, kept_secrets
from config.embedded.postgres import place_for, postgres
from config.embedded.servers import Server
from config.embedded.valkey import valkey

# Our processes read these from run.env, as every shell does, and do not inherit them: one truth, even where the
# environment has a variable that is set and empty.
DECIDED = frozenset(
    {
        "SECRET_KEY",
        "CREDENTIAL_KEYS",
        "AUDIT_SEAL_KEYS",
        "REDIS_PASSWORD",
        "POSTGRES_PASSWORD",
        "DATABASE_URL",
        "POSTGRES_URL",
        "EMBEDDED_DB",
        "REDIS_URL",
        "SANDBOX_URL",
        "PORT",
        "HTTPS",
    }
)
# Written down where the environment has them, so that `add_account` in another shell goes the same ways.
PASSED_ON = ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "BEHIND_PROXY", "EXCHANGE_GATEWAYS", "EGRESSES")
SANDBOX_PORT = 9100


def database_of(home: Home) -> str:
    """The database that this home was last run on; `""` for a new home."""
    return home.read_run_env().get("EMBEDDED_DB", "")


def decide(home: Home, *, db: str | None, port: int) -> tuple[dict[str, str], list[Server]]:
    """The content of run.env, and the servers to start: those that the environment does not name.

    Ports are those of the last start where they are still free, and so is the database where none is named: who forgets
    to say `DB=postgres` again must not find an empty system.
    """
    written = home.read_run_env()
    db = db or database_of(home) or "sqlite"
    settings = kept_secrets(written) | {"HTTPS": os.environ.get("HTTPS") or "false", "PORT": str(port)}
    settings["EMBEDDED_DB"] = db
    for name in ("DATABASE_URL", "REDIS_URL", "SANDBOX_URL", *PASSED_ON):
        if os.environ.get(name):
            settings[name] = os.environ[name]
    servers = []
    if "REDIS_URL" not in settings:
        servers.append(_valkey(home, written, settings["REDIS_PASSWORD"]))
        settings["REDIS_URL"] = servers[-1].url
    if db == "postgres" and "DATABASE_URL" not in settings:
        servers.append(_postgres(home, written, settings["POSTGRES_PASSWORD"]))
        settings["DATABASE_URL"] = settings["POSTGRES_URL"] = servers[-1].url
    if "SANDBOX_URL" not in settings:
        sandbox_port = ports.choose_port(port_of(written.get("SANDBOX_URL")) or SANDBOX_PORT)
        settings["SANDBOX_URL"] = f"http://{ports.LOOPBACK}:{sandbox_port}"
    return settings, servers


def inherited_environment(home: Home) -> dict[str, str]:
    """Ours, with the home in it: by it every process of this system can be told from all others."""
    kept = {name: value for name, value in os.environ.items() if name not in DECIDED}
    ours = {"ALPHAPULSE_HOME": str(home.path), "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONUNBUFFERED": "1"}
    return kept | ours


def port_of(url: str | None) -> int | None:
    """The port, where it is one of this machine."""
    parts = urlsplit(url or "")
    return parts.port if parts.hostname == ports.LOOPBACK else None


def _valkey(home: Home, written: Mapping[str, str], password: str) -> Server:
    port = ports.choose_port(port_of(written.get("REDIS_URL")))
    return valkey(home.path / "valkey", port=port, password=password)


def _postgres(home: Home, written: Mapping[str, str], password: str) -> Server:
    port = ports.choose_port(port_of(written.get("POSTGRES_URL")))
    return postgres(place_for(home.path / "postgres"), port=port, password=password)
