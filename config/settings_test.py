"""Settings of the tests: SQLite in a file of its own, or the PostgreSQL of TEST_DATABASE_URL."""

import os
import tempfile
from base64 import b64encode
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 50)
os.environ.setdefault("CREDENTIAL_KEYS", "test:" + b64encode(os.urandom(32)).decode())
os.environ.setdefault("AUDIT_SEAL_KEYS", "seal:" + b64encode(os.urandom(32)).decode())
os.environ.setdefault("HTTPS", "false")
os.environ.setdefault("SANDBOX_URL", "")

from config.database import database
from config.settings import *  # noqa: F403
from config.settings import HOME

DATABASES = {"default": database(os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{HOME / 'test.sqlite3'}")}
if not os.environ.get("TEST_DATABASE_URL"):
    # A file, as in production: SQLite in memory locks whole tables, and knows no WAL. Swept by `tests.servers`.
    folder = Path(tempfile.mkdtemp(prefix=f"alphapulse-test-{os.getpid()}-"))
    DATABASES["default"]["TEST"] = {"NAME": str(folder / "test.sqlite3")}
# Fast: the tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The tests collect no files, and WhiteNoise warns of a folder that is not there.
STATIC_ROOT = None
