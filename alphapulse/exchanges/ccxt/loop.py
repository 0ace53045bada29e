"""The one event loop of a process, on a thread of its own, and the door to it for every other thread.

Sessions, TLS contexts and market tables live on the loop, so there is one for the whole life of the process. It is made
at first use: a worker that forks after importing this gets a loop of its own.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import timedelta
from typing import Any, TypeVar

from alphapulse.exchanges.errors import Transient

T = TypeVar("T")

logger = logging.getLogger(__name__)

STUCK_AFTER = timedelta(seconds=30)
BEAT = timedelta(seconds=1)
# The exit status of a process whose loop hung: the supervisor starts another whatever it is; people grep for it.
STUCK_STATUS = 70


class OnTheLoop(RuntimeError):
    """`run` was called from the loop's own thread: it would wait for itself for ever. Await the coroutine instead."""


class LoopThread:
    """An event loop on a daemon thread, with a pulse that shows whether it still turns."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = _new_loop()
        self.pulse = time.monotonic()
        self._thread = threading.Thread(target=self._turn, name="exchange-loop", daemon=True)
        self._thread.start()

    @property
    def is_usable(self) -> bool:
        """False after a fork (threads do not survive it) and after the loop's thread ended."""
        return self.pid == os.getpid() and self._thread.is_alive() and not self.loop.is_closed()

    @property
    def is_current(self) -> bool:
        return threading.get_ident() == self._thread.ident

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=2)

    def _turn(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._beat()
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def _beat(self) -> None:
        self.pulse = time.monotonic()
        self.loop.call_later(BEAT.total_seconds(), self._beat)


_lock = threading.Lock()
_current: LoopThread | None = None


def run(coro: Coroutine[Any, Any, T], *, deadline: timedelta) -> T:
    """The coroutine's result, computed on this process's loop; callable from any thread but the loop's own.

    Raises what the coroutine raises, Transient when the deadline passes (the coroutine is then cancelled), OnTheLoop
    from the loop's thread.
    """
    thread = loop_thread()
    if thread.is_current:
        coro.close()
        raise OnTheLoop("run() from the event loop's own thread would never return: await the coroutine instead")
    future = asyncio.run_coroutine_threadsafe(coro, thread.loop)
    try:
        return future.result(deadline.total_seconds())
    except FutureTimeout:
        if future.done():
            raise  # the coroutine's own TimeoutError, not ours
        future.cancel()
    raise Transient(f"No result within {deadline.total_seconds():g} s; the work was given up.")


def loop_thread() -> LoopThread:
    """This process's loop; a new one when there is none yet, after a fork, or when the old one died."""
    global _current
    with _lock:
        if _current is None or not _current.is_usable:
            _current = LoopThread()
            threading.Thread(target=watch, args=(_current,), name="exchange-loop-watch", daemon=True).start()
        return _current


def watch(thread: LoopThread, *, stuck_after: timedelta = STUCK_AFTER, end: Callable[[int], object] = os._exit) -> None:
    """Ends the process when its loop has not turned for `stuck_after`: nothing in it can be trusted to go on."""
    last_look = time.monotonic()
    while thread.is_usable:
        time.sleep(min(BEAT, stuck_after / 4).total_seconds())
        now = time.monotonic()
        # A process that slept as a whole (a suspended machine, SIGSTOP) has not hung: the loop gets its time again.
        if now - last_look > stuck_after.total_seconds() / 2:
            thread.pulse = now
        last_look = now
        if now - thread.pulse > stuck_after.total_seconds():
            logger.critical("The exchange loop has not turned for %s: ending this process.", stuck_after)
            end(STUCK_STATUS)
            return


_endings: list[Callable[[], Coroutine[Any, Any, None]]] = []


def on_end(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """`close` is run on the loop when the process ends in an orderly way."""
    _endings.append(close)


@atexit.register
def end() -> None:
    """Closes what lives on the loop, and the loop. The next `run` would make a new one."""
    global _current
    thread, _current = _current, None
    if thread is None or not thread.is_usable:
        return
    for close in _endings:
        # An ending process does not wait for an exchange.
        with contextlib.suppress(FutureTimeout):
            asyncio.run_coroutine_threadsafe(close(), thread.loop).exception(timeout=2)
    thread.stop()


def _after_fork() -> None:
    # Another thread may have held the lock while forking; the child would wait for it for ever.
    global _lock, _current
    _lock = threading.Lock()
    _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
