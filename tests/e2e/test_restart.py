"""Workers and beat of `make run`, started anew over REST: they end by themselves, and the supervisor starts them."""

import urllib.error
from pathlib import Path

import psutil
import pytest

from .make_run import WORKERS, MakeRun
from .test_watchdog import ask

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(1200)]

PATIENCE = 360.0  # against hanging: the request itself gives up after five minutes

# Batches that had begun when the request was made, and that nobody has finished.
CUT_OFF = (
    "from apps.sync.models import SyncRun; print(SyncRun.objects.filter(pk__lte={last}, finished_at=None).count())"
)
LAST = "from apps.sync.models import SyncRun; print(SyncRun.objects.latest('pk').pk)"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("restart")
    with MakeRun(folder / "home") as run:
        yield run.started()
        if run.make.poll() is None:
            run.press_ctrl_c()
            run.until_gone()


class Ops:
    def __init__(self, run: MakeRun) -> None:
        self.run, self.site = run, f"http://127.0.0.1:{run.port}/api"
        password = next(line.split()[1] for line in run.lines if line.startswith("password: "))
        self.tokens = ask(f"{self.site}/user/login", {"username": "demo", "password": password})

    def restart(self, **wanted: object) -> dict:
        return ask(f"{self.site}/system/restart", wanted, token=self.tokens["access"])

    def until_done(self, asked: dict) -> dict:
        def told() -> dict:
            try:
                return ask(f"{self.site}/system/restart/{asked['id']}", token=self.tokens["access"])
            except urllib.error.HTTPError:
                self.tokens = ask(f"{self.site}/user/refresh", {"refresh": self.tokens["refresh"]})
                return told()

        self.run.until(lambda: told()["state"] in {"done", "failed"}, PATIENCE, "an end of the restart")
        assert told()["state"] == "done", told()
        return told()


def test_all_workers_and_beat_are_started_anew_and_finish_what_they_had_in_hand(running):
    ops = Ops(running)
    before = {name: running.pid(name) for name in (*WORKERS, "beat")}
    running.until(
        lambda: "DoesNotExist" not in running.command("manage.py", "shell", "-v", "0", "-c", LAST).stderr,
        PATIENCE,
        "a run",
    )
    last = running.shell(LAST)

    asked = ops.restart(all_workers=True, beat=True)
    told = ops.until_done(asked)

    by_name = {each["name"].partition("@")[0]: each for each in told["processes"]}
    assert set(by_name) == set(before)
    for name, pid in before.items():
        # What runs is what the request says, and the supervisor's own child.
        assert by_name[name]["old_pid"] == pid
        assert by_name[name]["new_pid"] == running.pid(name) != pid
        assert psutil.pid_exists(running.pid(name))
        assert f"{name} ended (exit status 0): starting it again" in "\n".join(running.lines)
    assert running.workers_answer()
    assert running.shell(CUT_OFF.format(last=last)) == "0"


def test_one_worker_alone_is_started_anew_and_the_others_go_on(running):
    before = {name: running.pid(name) for name in (*WORKERS, "beat")}
    ops = Ops(running)
    told = ops.until_done(ops.restart(workers=["worker-resync"]))
    assert [each["name"].partition("@")[0] for each in told["processes"]] == ["worker-resync"]
    assert [name for name in before if running.pid(name) != before[name]] == ["worker-resync"]
