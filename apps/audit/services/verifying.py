"""Was anything of the audit changed or taken away? Said in words, with what and when."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Any

from django.db.models import Exists, Max, OuterRef, QuerySet

from apps.audit.models import AuditEntry, AuditLink, AuditSeal
from apps.audit.services import chain

CHUNK = 1_000
Logged = dict[int, list[dict[str, Any]]]  # by number
# A seal in a log, whatever stands around it: as a line for people, or quoted once more in a line of JSON.
IN_LOG = re.compile(re.escape(chain.LOG_WORD) + r" (\{[^{}]*\})")


@dataclass(slots=True, kw_only=True)
class Verdict:
    """`problems` are empty where all is in order."""

    problems: list[str] = field(default_factory=list)
    entries: int = 0
    seals: int = 0
    logged: int = 0  # seals found in the logs
    waiting: int = 0  # entries that have no place in the chain yet
    sealed_at: str = ""


@dataclass(slots=True, kw_only=True)
class _Chain:
    """What is left of it: how long it is, and its digests at the places that seals name."""

    wanted: set[int]
    digests: dict[int, str]
    length: int = 0
    last: str = "nothing"


def verify(log: Iterable[str] = ()) -> Verdict:
    """`log`: lines, of which those with a seal are looked at."""
    # In this order: what is written meanwhile is in the table before it is in the log, and in the chain before both.
    verdict = Verdict()
    # Of one number there may be several: who deletes the last seals has others made in their place.
    logged: Logged = defaultdict(list)
    for told in _logged(log, verdict):
        if told not in logged[told["number"]]:
            logged[told["number"]].append(told)
            verdict.logged += 1
    seals = AuditSeal.objects.filter(number__lte=AuditSeal.objects.aggregate(last=Max("number"))["last"] or 0)
    wanted = {
        *seals.values_list("count", flat=True).distinct(),
        *(told["count"] for each in logged.values() for told in each),
    }
    sealed = _Sealed(found=_walk(wanted, verdict), verdict=verdict)
    for told in _in_table(seals, logged, verdict):
        sealed.compare(told)
    for told in _in_log_alone(logged, verdict):
        sealed.compare(told)
    sealed.conclude()
    _check_links(verdict)
    return verdict


def _walk(wanted: set[int], verdict: Verdict) -> _Chain:
    """Along the chain, each link against its entry and against the one before."""
    found = _Chain(wanted=wanted, digests={0: chain.START})
    before: str | None = chain.START
    for link, entry in _links():
        place: int = link.position or 0
        if place != found.length + 1:
            verdict.problems.append(_gap(found, place, entry))
            before = None
        if entry is None:
            verdict.problems.append(f"Entry {link.entry_id} was deleted: place {place}, after {found.last}.")
        elif before is not None and link.digest != chain.next_digest(before, entry):
            verdict.problems.append(f"Entry {_named(entry)} was changed after it had been chained: place {place}.")
        before, found.length = link.digest, place
        found.last = f"entry {link.entry_id}" if entry is None else f"entry {_named(entry)}"
        if place in found.wanted:
            found.digests[place] = link.digest
        verdict.entries += entry is not None
    return found


def _gap(found: _Chain, place: int, entry: AuditEntry | None) -> str:
    gone = place - 1 - found.length
    then = f"before entry {_named(entry)}" if entry else f"before place {place}"
    return (
        f"{gone} {'entry was' if gone == 1 else 'entries were'} deleted from the middle, with the links: "
        f"places {found.length + 1} to {place - 1}, after {found.last}, {then}."
    )


def _links() -> Iterator[tuple[AuditLink, AuditEntry | None]]:
    after = 0
    while links := list(AuditLink.objects.filter(position__gt=after).order_by("position")[:CHUNK]):
        entries = AuditEntry.objects.in_bulk([link.entry_id for link in links])
        for link in links:
            yield link, entries.get(link.entry_id)
        after = links[-1].position or 0


def _named(entry: AuditEntry) -> str:
    by = f" by {entry.actor_name}" if entry.actor_name else ""
    return f"{entry.pk} ({entry.action} of {entry.target}{by}, {entry.at:%Y-%m-%d %H:%M:%S} UTC)"


def _logged(lines: Iterable[str], verdict: Verdict) -> Iterator[dict[str, Any]]:
    # A line of JSON may say the same twice, and the first is enough.
    for match in filter(None, map(IN_LOG.search, lines)):
        try:
            told = json.loads(match[1].replace('\\"', '"'))
            if type(told["number"]) is not int or type(told["count"]) is not int:
                raise ValueError("no number")
            datetime.fromisoformat(told["at"])
            yield {name: told[name] for name in (*chain.SEALED, "mac")}
        except (ValueError, KeyError, TypeError):
            verdict.problems.append(f"A seal in the log cannot be read: {match[1][:200]}")


def _in_table(seals: QuerySet[AuditSeal], logged: Logged, verdict: Verdict) -> Iterator[dict[str, Any]]:
    """Each seal, numbered without a gap; and what the log has instead, where it says something else of it."""
    before: Mapping[str, Any] | None = None
    for told in map(chain.as_told, seals.order_by("number").iterator(chunk_size=CHUNK)):
        expected = before["number"] + 1 if before else 1
        if told["number"] != expected:
            since = f"made after {before['at']}" if before else "the first ones"
            gone = f"Seals {expected} to {told['number'] - 1} were deleted: {since}, before {told['at']}."
            verdict.problems.append(gone)
        yield told
        for in_log in logged.pop(told["number"], ()):
            if in_log != told:
                verdict.problems.append(f"{_seal(in_log)} says something else in the log than in the table.")
                yield in_log
        verdict.seals, verdict.sealed_at, before = verdict.seals + 1, told["at"], told


def _in_log_alone(left: Logged, verdict: Verdict) -> list[dict[str, Any]]:
    """What the table has no seal of."""
    gone = [told for number in sorted(left) for told in left[number]]
    if len(gone) == 1:
        verdict.problems.append(f"{_seal(gone[0])} stands in the log and not in the table: it was deleted.")
    elif gone:
        which = f"{_seal(gone[0])} to {_seal(gone[-1])}, {len(gone)} of them,"
        verdict.problems.append(f"{which} stand in the log and not in the table: they were deleted.")
    return gone


@dataclass(slots=True, kw_only=True)
class _Sealed:
    """The chain beside its seals: those that are ours say how long it was, and how it ended."""

    found: _Chain
    verdict: Verdict
    fitting: set[int] = field(default_factory=set)  # places where a seal and the chain say the same
    other: Mapping[str, Any] | None = None  # the earliest seal over another chain than this
    # Of seals over more than is left: the first in time, and the one over the most.
    first: Mapping[str, Any] | None = None
    longest: Mapping[str, Any] | None = None

    def compare(self, told: Mapping[str, Any]) -> None:
        count = told["count"]
        if not self._is_ours(told):
            return
        if count > self.found.length:
            self.first = min(self.first or told, told, key=lambda each: str(each["at"]))
            self.longest = max(self.longest or told, told, key=lambda each: int(each["count"]))
        elif self.found.digests.get(count) == told["head"]:
            self.fitting.add(count)
        elif count in self.found.digests and (self.other is None or count < self.other["count"]):
            self.other = told

    def conclude(self) -> None:
        if self.longest and self.first:
            self._tell_tail(self.first, self.longest)
        if self.other:
            # It fits together, and fits no seal.
            since = max((place for place in self.fitting if place < self.other["count"]), default=0) + 1
            self.verdict.problems.append(
                f"The chain was written anew somewhere from place {since} to {self.other['count']}: "
                f"{_seal(self.other)} was made over another one."
            )
        if self.found.length and not self.verdict.seals:
            gone = f"There is no seal over the {self.found.length} entries of the chain: they were deleted."
            self.verdict.problems.append(gone)

    def _tell_tail(self, first: Mapping[str, Any], longest: Mapping[str, Any]) -> None:
        gone = longest["count"] - self.found.length
        self.verdict.problems.append(
            f"The tail was deleted: {gone} {'entry' if gone == 1 else 'entries'}, places {self.found.length + 1} to "
            f"{longest['count']}, up to entry {longest['last_entry_id']}, after {self.found.last}. They were sealed "
            f"between {first['at']} and {longest['at']}."
        )

    def _is_ours(self, told: Mapping[str, Any]) -> bool:
        key = chain.keys().get(told["key_id"])
        if key is None:
            gone = f"{_seal(told)} was made with the key {told['key_id']!r}, which is not among AUDIT_SEAL_KEYS."
            self.verdict.problems.append(gone)
            return False
        if not compare_digest(chain.mac(told, key), str(told["mac"])):
            self.verdict.problems.append(f"{_seal(told)} was changed, or is not ours: its HMAC is wrong.")
            return False
        return True


def _check_links(verdict: Verdict) -> None:
    verdict.waiting = AuditLink.objects.filter(position=None).count()
    unlinked = AuditEntry.objects.filter(~Exists(AuditLink.objects.filter(entry_id=OuterRef("pk")))).order_by("pk")
    for entry in unlinked[:20]:
        verdict.problems.append(f"Entry {_named(entry)} has no link: it was not written by the audit, or lost it.")


def _seal(told: Mapping[str, Any]) -> str:
    return f"Seal {told['number']} of {told['at']}"
