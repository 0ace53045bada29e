"""What the watchdog sees in one look."""

from dataclasses import dataclass, field

from apps.system.models import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One trouble that is there now, in words, with what to do."""

    kind: Trouble
    subject: str
    message: str
    advice: str


@dataclass(slots=True)
class Look:
    """What is wrong, and of which kinds of trouble nothing can be said at the moment.

    Unknown never opens an event and never closes one.
    """

    findings: list[Finding] = field(default_factory=list)
    unknown: set[Trouble] = field(default_factory=set)
