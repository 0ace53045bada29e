import asyncio
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta

import pytest

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.errors import Transient

SECOND = timedelta(seconds=1)


async def answer(value, wait=0.0):
    await asyncio.sleep(wait)
    return value


def test_any_thread_gets_the_result_of_a_coroutine():
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(loop.run(answer(n), deadline=SECOND))) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(20))


def test_all_threads_share_one_loop():
    async def where():
        return asyncio.get_running_loop(), threading.get_ident()

    first = loop.run(where(), deadline=SECOND)
    assert first == loop.run(where(), deadline=SECOND)
    assert first[1] != threading.get_ident()


def test_what_a_coroutine_raises_is_raised():
    async def broken():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        loop.run(broken(), deadline=SECOND)


def test_a_timeout_of_the_coroutine_itself_is_not_our_deadline():
    async def slow():
        async with asyncio.timeout(0.01):
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        loop.run(slow(), deadline=SECOND)


def test_the_deadline_cancels_the_coroutine():
    ended = threading.Event()

    async def endless():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(Transient, match=r"within 0\.05 s"):
        loop.run(endless(), deadline=timedelta(seconds=0.05))
    assert ended.wait(2)


def test_the_loop_itself_may_not_wait_for_itself():
    async def inside():
        return loop.run(answer(1), deadline=SECOND)

    with pytest.raises(loop.OnTheLoop):
        loop.run(inside(), deadline=SECOND)


def test_a_dead_loop_is_replaced():
    dead = loop.loop_thread()
    dead.stop()
    assert not dead.is_usable
    assert loop.run(answer("alive"), deadline=SECOND) == "alive"
    assert loop.loop_thread() is not dead


def _in_child(results) -> None:
    results.put((os.getpid(), loop.run(answer("from the child"), deadline=SECOND)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_a_loop_of_its_own():
    assert loop.run(answer("parent"), deadline=SECOND) == "parent"
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(results,))
    child.start()
    assert results.get(timeout=20) == (child.pid, "from the child")
    child.join(20)
    assert child.exitcode == 0
    assert loop.run(answer("parent still"), deadline=SECOND) == "parent still"


class Stub:
    """A loop thread whose pulse the test holds."""

    def __init__(self, *, beats: bool) -> None:
        self.beats = beats
        self._pulse = time.monotonic()
        self.until = time.monotonic() + 1.5

    @property
    def is_usable(self) -> bool:
        return time.monotonic() < self.until

    @property
    def pulse(self) -> float:
        return time.monotonic() if self.beats else self._pulse

    @pulse.setter
    def pulse(self, value: float) -> None:
        self._pulse = value


@pytest.mark.parametrize(("beats", "statuses"), [(True, []), (False, [loop.STUCK_STATUS])])
def test_a_loop_that_does_not_turn_ends_its_process(beats, statuses):
    ended: list[int] = []
    loop.watch(Stub(beats=beats), stuck_after=timedelta(seconds=0.4), end=ended.append)  # type: ignore[arg-type]
    assert ended == statuses


def test_a_hung_loop_really_takes_its_process_down():
    program = """
        import time
        from datetime import timedelta
        from alphapulse.exchanges.ccxt import loop

        loop.STUCK_AFTER = timedelta(seconds=0.5)
        loop.watch.__kwdefaults__["stuck_after"] = loop.STUCK_AFTER

        async def hang():
            time.sleep(30)

        loop.run(hang(), deadline=timedelta(seconds=20))
    """
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == loop.STUCK_STATUS, done.stderr
    assert "has not turned" in done.stderr
    assert time.monotonic() - began < 15


def test_an_orderly_end_leaves_no_open_session_behind():
    program = """
        import warnings; warnings.simplefilter("error")
        from datetime import timedelta
        from alphapulse.exchanges.ccxt import loop, markets
        from alphapulse.exchanges.route import Route
        from alphapulse.types import Environment

        async def open():
            markets.template(Route(exchange_id="binance", environment=Environment.SANDBOX, gateway="http://127.0.0.1:9"))

        loop.run(open(), deadline=timedelta(seconds=5))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=25, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
