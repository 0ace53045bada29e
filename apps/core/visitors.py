"""Where a request comes from: what a log, a limit and a list of sessions say of it."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

LONGEST_AGENT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    address: str | None
    user_agent: str = ""


def visitor_of(request: HttpRequest) -> Visitor:
    agent = printable(request.META.get("HTTP_USER_AGENT", ""), LONGEST_AGENT)
    return Visitor(address=address_of(request), user_agent=agent)


def printable(text: str, longest: int) -> str:
    """What strangers send, as it may be stored and shown."""
    return "".join(letter for letter in text if letter.isprintable())[:longest]


def address_of(request: HttpRequest) -> str | None:
    """Who is at the other end: by the declared proxy's word, never by the visitor's own."""
    peer = request.META.get("REMOTE_ADDR", "")
    if not settings.BEHIND_PROXY:
        return _address(peer)
    # The proxy writes the last one; what stands before it the visitor may have invented.
    told = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
    return _address(told) or _address(peer)


def network_of(address: str | None) -> str:
    """What is counted as one: whoever has one IPv6 address has 2^64 of them."""
    if address is None:
        return "somewhere"
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _address(text: str) -> str | None:
    try:
        found = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    # A server that listens on both kinds is told `::ffff:192.0.2.7`: all of IPv4 would be one network of IPv6.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)
