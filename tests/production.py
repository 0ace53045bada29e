"""`python -m tests.production COMMAND...`: manage.py with settings as production has them, whatever runs here."""

import os
import subprocess
import sys
import tempfile
from base64 import b64encode
from secrets import token_bytes, token_urlsafe

from config.env import ROOT

SETTINGS = {
    "SECRET_KEY": token_urlsafe(50),
    "CREDENTIAL_KEYS": "lint:" + b64encode(token_bytes(32)).decode(),
    "AUDIT_SEAL_KEYS": "seal:" + b64encode(token_bytes(32)).decode(),
    "ALLOWED_HOSTS": "alphapulse.example",
    "CSRF_TRUSTED_ORIGINS": "https://alphapulse.example",
    "BEHIND_PROXY": "true",
    "HTTPS": "true",
    "DEBUG": "false",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}

FOREIGN = {"DATABASE_URL", "REDIS_URL", "SANDBOX_URL", "EXCHANGE_GATEWAYS", "EGRESSES"}


def main(command: list[str]) -> int:
    # An empty home: a system that runs on this machine has settings of its own in run.env.
    with tempfile.TemporaryDirectory(prefix="alphapulse-lint-") as home:
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment |= {**SETTINGS, "ALPHAPULSE_HOME": home}
        return subprocess.call([sys.executable, "manage.py", *command], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
