"""Was anything of the audit changed or taken away? Said in words, with what and when."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Any

from apps.audit.models import AuditEntry, AuditLink, AuditSeal
from apps.audit.services import chain

CHUNK = 1_000
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
    # Between these places the links themselves are gone: no seal there can be compared.
    gaps: list[tuple[int, int]] = field(default_factory=list)


def verify(log: Iterable[str] = ()) -> Verdict:
    """`log`: lines, of which those with a seal are looked at."""
    # In this order: what is written meanwhile is in the table before it is in the log, and in the chain before both.
    verdict = Verdict()
    logged = list(_logged(log, verdict))
    stored = [chain.as_told(seal) for seal in AuditSeal.objects.order_by("number")]
    verdict.seals, verdict.logged = len(stored), len(logged)
    found = _walk({told["count"] for told in (*stored, *logged)}, verdict)
    _check_numbers(stored, verdict)
    _check_against_log(stored, logged, verdict)
    good = [told for told in (*stored, *logged) if _is_ours(told, verdict)]
    _check_tail(good, found, verdict)
    _check_heads(good, found, verdict)
    if found.length and not stored:
        verdict.problems.append(f"There is no seal over the {found.length} entries of the chain: they were deleted.")
    verdict.sealed_at = stored[-1]["at"] if stored else ""
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
            found.gaps.append((found.length + 1, place - 1))
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
            datetime.fromisoformat(told["at"])
            yield {name: told[name] for name in (*chain.SEALED, "mac")}
        except (ValueError, KeyError, TypeError):
            verdict.problems.append(f"A seal in the log cannot be read: {match[1][:200]}")


def _is_ours(told: Mapping[str, Any], verdict: Verdict) -> bool:
    key = chain.keys().get(told["key_id"])
    if key is None:
        verdict.problems.append(
            f"{_seal(told)} was made with the key {told['key_id']!r}, which is not among AUDIT_SEAL_KEYS."
        )
        return False
    if not compare_digest(chain.mac(told, key), str(told["mac"])):
        verdict.problems.append(f"{_seal(told)} was changed, or is not ours: its HMAC is wrong.")
        return False
    return True


def _check_numbers(stored: list[dict[str, Any]], verdict: Verdict) -> None:
    before: Mapping[str, Any] | None = None
    for told in stored:
        expected = before["number"] + 1 if before else 1
        if told["number"] != expected:
            since = f"made after {before['at']}" if before else "the first ones"
            verdict.problems.append(
                f"Seals {expected} to {told['number'] - 1} were deleted: {since}, before {told['at']}."
            )
        before = told


def _check_against_log(stored: list[dict[str, Any]], logged: list[dict[str, Any]], verdict: Verdict) -> None:
    table = {told["number"]: told for told in stored}
    gone = [told for told in logged if told["number"] not in table]
    if gone:
        verdict.problems.append(
            f"{_seal(gone[0])} to {_seal(gone[-1])} stand in the log and not in the table: they were deleted."
            if len(gone) > 1
            else f"{_seal(gone[0])} stands in the log and not in the table: it was deleted."
        )
    for told in logged:
        if told["number"] in table and table[told["number"]] != told:
            verdict.problems.append(f"{_seal(told)} says something else in the log than in the table.")


def _check_tail(good: list[dict[str, Any]], found: _Chain, verdict: Verdict) -> None:
    longest = max(good, key=lambda told: told["count"], default=None)
    if longest is None or longest["count"] <= found.length:
        return
    gone = longest["count"] - found.length
    first = min((told for told in good if told["count"] > found.length), key=lambda told: str(told["at"]))
    verdict.problems.append(
        f"The tail was deleted: {gone} {'entry' if gone == 1 else 'entries'}, places {found.length + 1} to "
        f"{longest['count']}, up to entry {longest['last_entry_id']}, after {found.last}. They were sealed between "
        f"{first['at']} and {longest['at']}."
    )


def _check_heads(good: list[dict[str, Any]], found: _Chain, verdict: Verdict) -> None:
    """A chain that was written anew from somewhere on fits together, and fits no seal."""
    last_good = 0
    for told in sorted(good, key=lambda told: int(told["count"])):
        digest = found.digests.get(told["count"])
        if digest is None:  # gone: said already
            continue
        if digest != told["head"]:
            verdict.problems.append(
                f"The chain was written anew somewhere from place {last_good + 1} to {told['count']}: "
                f"{_seal(told)} was made over another one."
            )
            return
        last_good = told["count"]


def _check_links(verdict: Verdict) -> None:
    verdict.waiting = AuditLink.objects.filter(position=None).count()
    unlinked = AuditEntry.objects.exclude(pk__in=AuditLink.objects.values("entry_id")).order_by("pk")
    for entry in unlinked[:20]:
        verdict.problems.append(f"Entry {_named(entry)} has no link: it was not written by the audit, or lost it.")


def _seal(told: Mapping[str, Any]) -> str:
    return f"Seal {told['number']} of {told['at']}"
