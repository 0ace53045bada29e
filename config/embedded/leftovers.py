"""Pid files, by which the next start finds what a killed supervisor left behind.

On Linux nothing is left: the kernel ends the children (`deathsig.py`). Elsewhere this is what ends them.
"""

from pathlib import Path

import psutil

CLOCK_SLACK = 2.0  # seconds: a process's start is computed from the boot time, which clock corrections move


def write_pid(folder: Path, name: str, pid: int) -> None:
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    (folder / name).write_text(f"{pid} {started}\n", encoding="ascii")


def forget_pid(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)


def end_leftovers(folder: Path, grace: float = 5.0) -> list[str]:
    """End what still runs of the last start; names of what was found."""
    found = {file.name: process for file in sorted(folder.iterdir()) if (process := _running(file))}
    for process in found.values():
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(list(found.values()), timeout=grace)
    for process in alive:
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=grace)
    for file in folder.iterdir():
        file.unlink()
    return list(found)


def _running(file: Path) -> psutil.Process | None:
    """The process that the file means, not another one that got its number later."""
    try:
        pid, started = file.read_text(encoding="ascii").split()
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(started)) < CLOCK_SLACK
    except (ValueError, psutil.NoSuchProcess):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None


def _quietly(end) -> None:
    try:
        end()
    except psutil.NoSuchProcess:
        return  # it ended by itself, which is what was wanted
