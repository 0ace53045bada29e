"""`python manage.py resync`: read an account or an exchange anew, now."""

import time
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.core.management.base import CommandError, CommandParser
from kombu.exceptions import OperationalError

from alphapulse.types import SyncKind
from apps.audit.services import record
from apps.core.clock import now
from apps.core.durations import with_readable_times
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.management.naming import account_named
from apps.exchanges.models import ExchangeAccount
from apps.sync import tasks
from apps.sync.management.naming import exchange_named
from apps.sync.models import SyncState
from apps.sync.services.status import BlockedLane, LaneName, blocked_lanes, lane_of
from apps.sync.services.watch import Progress, Watched, look, meant

POLL = timedelta(milliseconds=200)
TIMED_OUT = 3

EXAMPLES = """
Examples:
  python manage.py resync --account main                    asks for all of an account, and returns at once
  python manage.py resync --account main --kind balances --wait
  python manage.py resync --exchange binance --wait --timeout 120 --json

Works from any shell while the system runs. In the project's folder so does
`celery -A config call sync.resync --kwargs '{"account_id": 7}'`, which only sends the wish and tells nothing.

Exit status: 0 asked for (with --wait: everything was read); 1 something failed, or could not be asked for;
2 wrong usage; 3 with --wait: not read in time, or the exchange is not asked until later (a breaker, a ban: that is
said at once). What failed, for which account and what to do is on standard error.
"""


class Command(ExplainedCommand):
    help = "Read an account (or everything of an exchange) anew, before everything else that is due."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--account", metavar="LABEL|ID", help="the account's label, or its id")
        whose.add_argument("--exchange", metavar="ID", help="every account there, its prices and its markets")
        parser.add_argument("--workspace", help="where two workspaces have an account of that label")
        parser.add_argument(
            "--kind",
            choices=[kind.value for kind in SyncKind],
            help="only this; left out: what accounts have now, and prices",
        )
        parser.add_argument("--wait", action="store_true", help="wait until it is done, and show progress")
        parser.add_argument("--timeout", type=float, default=60, metavar="S", help="with --wait: seconds (60)")
        parser.add_argument("--json", action="store_true", help="the result as JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_named(options["account"], options["workspace"]) if options["account"] else None
        exchange_id = exchange_named(options["exchange"]) if options["exchange"] else None
        words = {"account_id": account.pk if account else None, "exchange_id": exchange_id, "kind": options["kind"]}
        states = meant(**words)
        if not states:
            raise CommandError(_why_nothing(account, exchange_id, options["kind"]))
        asked_at = now()
        _send({name: value for name, value in words.items() if value is not None})
        record("sync.asked", account or states[0], at=asked_at, exchange_id=exchange_id, kind=options["kind"])
        blocked = self._tell_blocked(states, asked_at)
        watched = [Watched(state=state, progress=Progress.WAITING) for state in states]
        if options["wait"]:
            patience = timedelta(seconds=options["timeout"])
            hopeless = {state.pk for state in states if _is_hopeless(blocked.get(lane_of(state)), asked_at + patience)}
            watched = self._wait(watched, hopeless, asked_at, patience)
        self._tell(watched, asked_at, options)

    def _tell_blocked(self, states: list[SyncState], at: datetime) -> dict[LaneName, BlockedLane]:
        """At once, not when the time has run out: why an exchange is not asked, and until when."""
        blocked = blocked_lanes(states, at)
        for lane in blocked.values():
            self.stderr.write(self.style.WARNING(str(lane)))
        return blocked

    def _wait(self, asked: list[Watched], hopeless: set[int], asked_at: datetime, patience: timedelta) -> list[Watched]:
        """The first outcome of each counts: what failed may be under way again, and succeed, the next moment."""
        ended: dict[int, Watched] = {}
        awaited = {item.state.pk for item in asked} - hopeless
        while awaited - ended.keys() and now() - asked_at <= patience:
            for item in look(awaited - ended.keys(), asked_at=asked_at):
                if item.progress is not Progress.WAITING:
                    ended[item.state.pk] = item
                    self.stderr.write(f"[{len(ended)}/{len(asked)}] {item.state}: {item.progress}")
            if awaited - ended.keys():
                time.sleep(POLL.total_seconds())
        return [ended.get(item.state.pk, item) for item in asked]

    def _tell(self, watched: list[Watched], asked_at: datetime, options: dict[str, Any]) -> None:
        if options["json"]:
            document = {"asked_at": asked_at, "states": [_as_json(item) for item in watched]}
            self.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        elif not options["wait"]:
            self.stdout.write(f"Asked for: {', '.join(str(item.state) for item in watched)}.")
        if not options["wait"]:
            return
        by_progress = {each: [item.state for item in watched if item.progress is each] for each in Progress}
        failed, waiting = by_progress[Progress.FAILED], by_progress[Progress.WAITING]
        problems = [_failure(state) for state in failed]
        if waiting:
            problems.append(_lateness(waiting, options["timeout"]))
        for state in by_progress[Progress.NOT_PERMITTED]:
            self.stderr.write(f"{state}: not read. {state.error} {state.advice}".rstrip())
        if (read := by_progress[Progress.SUCCEEDED]) and not options["json"]:
            self.stdout.write(self.style.SUCCESS(f"Read anew: {', '.join(map(str, read))}."))
        if problems:
            raise CommandError("\n".join(problems), returncode=1 if failed else TIMED_OUT)


def _send(words: dict[str, Any]) -> None:
    try:
        tasks.resync.delay(**words)
    except OperationalError as problem:
        raise CommandError(
            f"The message broker does not answer ({problem}), so nothing was asked for. "
            "Is the system running? `make run` starts it; REDIS_URL says where the broker is."
        ) from None


def _why_nothing(account: ExchangeAccount | None, exchange_id: str | None, kind: str | None) -> str:
    if account and not account.is_enabled:
        reason = account.disabled_reason or "no reason was given"
        return f"{account} is disabled ({reason}), so it is not read. Mend that and enable it in the admin."
    what = f" of kind {kind}" if kind else ""
    return f"Nothing{what} is kept in sync for {account or exchange_id}: `manage.py sync_status` shows what is."


def _failure(state: SyncState) -> str:
    if state.account and not state.account.is_enabled:
        return f"{state}: failed, and the account is disabled now: {state.account.disabled_reason}"
    return f"{state}: failed. {with_readable_times(state.error)} {state.advice}".rstrip()


def _is_hopeless(lane: BlockedLane | None, end: datetime) -> bool:
    return lane is not None and lane.until is not None and lane.until > end


def _lateness(waiting: list[SyncState], timeout: float) -> str:
    blocked = blocked_lanes(waiting, now())
    held = [state for state in waiting if lane_of(state) in blocked]
    late = [state for state in waiting if lane_of(state) not in blocked]
    told = [f"{_names(held)}: not read. {' '.join(map(str, blocked.values()))}"] if held else []
    if late:
        told.append(f"{_names(late)}: not done within {timeout:g} s. {_why_late()}")
    return "\n".join(told)


def _names(states: list[SyncState]) -> str:
    return ", ".join(str(state) for state in states)


def _why_late() -> str:
    try:
        answers = tasks.resync.app.control.ping(timeout=1.0)
    except OperationalError as problem:
        return f"The message broker does not answer any more ({problem})."
    if not answers:
        return "No worker answers: start the system with `make run`, or the workers with `celery -A config worker`."
    return "The workers are alive and may be busy: it stays first in the queue; try again with a longer --timeout."


def _as_json(item: Watched) -> dict[str, Any]:
    state = item.state
    return {
        "account_id": state.account_id,
        "account": state.account.label if state.account else None,
        "exchange_id": state.exchange_id,
        "environment": state.environment,
        "kind": state.kind,
        "progress": item.progress,
        "succeeded_at": state.succeeded_at,
        "attempted_at": state.attempted_at,
        "failures": state.failures,
        "error": state.error,
        "advice": state.advice,
    }
