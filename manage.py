#!/usr/bin/env python
"""Django's command line: `python manage.py help` lists every command."""

import base64
import os
import secrets
import sys

from django.core.management import execute_from_command_line

from config.env import MalformedSetting, MissingSetting

# They keep and read no secret, and one of them makes the first: they start where nothing is set up yet.
NEEDS_NO_SECRETS = {"sandbox", "make_credential_key"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if NEEDS_NO_SECRETS.intersection(sys.argv[1:2]):
        os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
        for keys in ("CREDENTIAL_KEYS", "AUDIT_SEAL_KEYS"):
            os.environ[keys] = f"unused:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    try:
        execute_from_command_line(sys.argv)
    except (MissingSetting, MalformedSetting) as problem:
        sys.exit(f"{problem}\nIs the system running here? `make run` writes these settings down for every shell.")


if __name__ == "__main__":
    main()
