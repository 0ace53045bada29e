"""Makes `.venv` and installs requirement files into it, when they changed since the last time.

    python3 config/embedded/venv.py requirements.txt [tests/requirements.txt]

Run by the Makefile, with whatever Python there is: standard library only, nothing of this project imported, no
syntax newer than Python 3.6, so that an old one gets as far as its message.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")


def say(line):
    print(line)  # noqa: T201 - make's voice
    sys.stdout.flush()


def require_version(found=sys.version_info):
    if tuple(found[:2]) < OLDEST:
        sys.exit(
            f"AlphaPulse needs Python {OLDEST[0]}.{OLDEST[1]} or later; {sys.executable} is {found[0]}.{found[1]}."
            "\nName a newer one, for example: make run PYTHON=python3.12"
        )


def stamp_of(requirements):
    return os.path.join(VENV, ".installed-" + requirements.replace("/", "-"))


def digest_of(requirements):
    """Of the file, of the one it includes, and of the Python version that they are installed for."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name in ("requirements.txt", requirements):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def is_installed(requirements):
    try:
        with open(stamp_of(requirements)) as file:
            return file.read() == digest_of(requirements) and os.access(PYTHON, os.X_OK)
    except FileNotFoundError:
        return False


def is_our_venv():
    """Whether .venv is there and works with a Python of this version."""
    code = f"import sys; sys.exit(tuple(sys.version_info[:2]) != {tuple(sys.version_info[:2])})"
    return os.access(PYTHON, os.X_OK) and subprocess.call([PYTHON, "-c", code]) == 0  # noqa: S603


def make_venv():
    say("making a virtual environment in .venv")
    # --clear: what another Python version left there would be mixed in.
    made = subprocess.call([sys.executable, "-m", "venv", "--clear", VENV])  # noqa: S603
    if made != 0:
        sys.exit(
            "The virtual environment could not be made. If the message above names ensurepip, this Python was "
            "packaged without it:\ninstall its venv package (Debian: python3-venv) or name another Python: "
            "make run PYTHON=..."
        )


def install(requirements):
    say(f"installing {requirements} (about half a minute the first time)")
    begun = told = time.time()
    command = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", requirements]
    pip = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)  # noqa: S603
    try:
        while pip.poll() is None:
            time.sleep(0.2)
            if time.time() - told >= 10:
                told = time.time()
                say(f"  still installing, {told - begun:.0f} s")
    finally:
        if pip.poll() is None:
            pip.terminate()
            pip.wait()
    if pip.returncode != 0:
        sys.exit(f"pip could not install {requirements}: its message is above.")
    with open(stamp_of(requirements), "w") as file:
        file.write(digest_of(requirements))


def main():
    require_version()
    # Two makes in a fresh clone: the second one waits, and then finds all done.
    with open(os.path.join(ROOT, "requirements.txt")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [name for name in sys.argv[1:] if not is_installed(name)]
        if missing and not is_our_venv():
            make_venv()
        for name in missing:
            install(name)


if __name__ == "__main__":
    main()
