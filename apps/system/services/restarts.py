"""Starting workers and beat anew: asked for over REST, done by themselves and their supervisors, told by rows.

A worker is told by remote control; beat, which takes no orders there, reads its row with each tick. Either says so
itself when it has come up again. So nobody has to wait for it, or to live all the while.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit.services import record
from apps.system.models import BEAT, UNDER_WAY, RestartedProcess, RestartRequest, RestartState
from apps.system.services import remote
from apps.system.services.remote import BrokerAway


class NobodyAnswers(Exception):
    """A worker that is asked for is not there; says who is, and what to do."""


def ask(*, workers: Collection[str], all_workers: bool, beat: bool, actor: Any, now: datetime) -> RestartRequest:
    """Asks these processes to end, and says whom to follow. `workers` are node names, or what stands before their @.

    Raises NobodyAnswers and BrokerAway; then nobody was asked anything.
    """
    pids = _chosen(remote.answering(), workers, all_workers=all_workers) if workers or all_workers else {}
    with transaction.atomic():
        request = RestartRequest.objects.create(asked_by=actor, asked_at=now)
        wanted: dict[str, int | None] = {**pids, **({BEAT: None} if beat else {})}
        RestartedProcess.objects.bulk_create(
            RestartedProcess(request=request, name=name, old_pid=pid, changed_at=now) for name, pid in wanted.items()
        )
        record("restart.asked", request, at=now, actor=actor, processes=sorted(wanted))
    if pids:
        _tell(request, list(pids), now)
    return request


def told(request: RestartRequest, now: datetime) -> dict[str, Any]:
    """How it stands, for who follows it."""
    processes = [
        {
            "name": process.name,
            "state": process.standing(now),
            "message": process.in_words(now),
            "old_pid": process.old_pid,
            "new_pid": process.new_pid,
            "changed_at": process.changed_at,
        }
        for process in request.processes.order_by("name")
    ]
    asked_by = request.asked_by.get_username() if request.asked_by else None
    common = {"id": request.pk, "asked_at": request.asked_at, "asked_by": asked_by}
    return common | {"state": request.state(now), "processes": processes}


def has_started(name: str, *, pid: int, since: datetime, now: datetime) -> None:
    """A process of that name has come up, `since` then: whoever waits for a new one has it."""
    # Asked later: the one that has just come up is itself to be started anew.
    waiting = RestartedProcess.objects.filter(name=name, state__in=UNDER_WAY, request__asked_at__lt=since)
    for process in waiting.select_related("request"):
        with transaction.atomic():
            mine = RestartedProcess.objects.filter(pk=process.pk, state__in=UNDER_WAY)
            if mine.update(state=RestartState.DONE, new_pid=pid, changed_at=now):
                told = {"old_pid": process.old_pid, "new_pid": pid}
                record("process.restarted", process, at=now, actor=process.request.asked_by, **told)


def must_beat_end(*, pid: int, now: datetime) -> bool:
    """Whether somebody wants another beat. Asked once: who is told yes ends."""
    asked = RestartedProcess.objects.filter(name=BEAT, state=RestartState.ASKED)
    return asked.exists() and bool(asked.update(state=RestartState.STOPPING, old_pid=pid, changed_at=now))


def _tell(request: RestartRequest, nodes: list[str], now: datetime) -> None:
    # One that is quick has come up again before we note that it stops: that stays.
    asked = request.processes.filter(name__in=nodes, state=RestartState.ASKED)
    try:
        remote.end(nodes)
    except BrokerAway as problem:
        asked.update(state=RestartState.FAILED, error=f"{problem} Ask again when it does.", changed_at=now)
    else:
        asked.update(state=RestartState.STOPPING, changed_at=now)


def _chosen(answering: dict[str, int], wanted: Iterable[str], *, all_workers: bool) -> dict[str, int]:
    there_are = f"These do: {', '.join(sorted(answering))}." if answering else "None does."
    missing = [name for name in wanted if not any(_is_called(node, name) for node in answering)]
    if missing or not answering:
        who = f"No worker called {', '.join(missing)} answers." if missing else "No worker answers."
        raise NobodyAnswers(f"{who} {there_are} Who does not answer is started anew where it runs: by its supervisor.")
    if all_workers:
        return answering
    return {node: pid for node, pid in answering.items() if any(_is_called(node, name) for name in wanted)}


def _is_called(node: str, name: str) -> bool:
    return name in (node, node.partition("@")[0])
