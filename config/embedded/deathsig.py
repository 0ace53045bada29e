"""A process that ends when its parent does, however the parent ended (Linux; elsewhere see `leftovers.py`)."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
IS_SUPPORTED = sys.platform.startswith("linux")

# Loaded before any fork: a child between fork and exec must not take the loader's lock.
_libc = ctypes.CDLL(None, use_errno=True) if IS_SUPPORTED else None


def follow(parent: int, death_signal: signal.Signals) -> bool:
    """Ask for `death_signal` when `parent` ends; False if it has ended already.

    The kernel forgets the request when the user id changes and does not hand it on to children: call it in
    the process itself, after setuid. It watches the *thread* that forked us: spawn from the main thread.
    """
    if _libc is not None and _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A parent that ended before the request was made sends nothing any more.
    return os.getppid() == parent


def in_child(death_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` for `subprocess.Popen`, made in the parent: its pid is taken here."""
    parent = os.getpid()

    def before_exec() -> None:
        if not follow(parent, death_signal):
            os._exit(1)

    return before_exec
