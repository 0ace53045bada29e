"""Python runs this first when this folder is on PYTHONPATH: the process may then talk to this machine only.

ccxt's tests are somebody else's code with the addresses of real exchanges in it. An audit hook sees every connect
and every name look-up, whichever library makes it, and cannot be taken off again. What it refuses is also written
to the file named by CCXT_SUITE_REFUSED, so that a test that swallows the error is still found out.
"""

import os
import sys

LOOPBACK = {"127.0.0.1", "::1", "localhost", None}

# pycares resolves names in C, past the hook; without aiodns aiohttp asks the system's resolver.
sys.modules["aiodns"] = None  # type: ignore[assignment]


def refuse_the_rest_of_the_world(event, args):
    if event == "socket.connect":
        address = args[1]
    elif event == "socket.getaddrinfo":
        address = args[:1]
    else:
        return
    if not isinstance(address, tuple):  # a unix socket's path
        return
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in LOOPBACK:
        return
    with open(os.environ["CCXT_SUITE_REFUSED"], "a", encoding="utf-8") as refused:
        refused.write(f"{event} {host}\n")
    raise OSError(f"this process may not talk to {host}")


sys.addaudithook(refuse_the_rest_of_the_world)
