"""Many clients that ask one address again and again, in a process of their own: part of `benchmarks.http`."""

import argparse
import asyncio
import json
import time

import aiohttp


async def main() -> None:
    options = _options()
    headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        end = time.monotonic() + options.seconds
        clients = [_client(session, options.url, end) for _ in range(options.clients)]
        print(json.dumps([seconds for each in await asyncio.gather(*clients) for seconds in each]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--token", default="")
    return parser.parse_args()


async def _client(session: aiohttp.ClientSession, url: str, end: float) -> list[float]:
    """How long each answer took, in seconds."""
    took = []
    while (begun := time.monotonic()) < end:
        async with session.get(url) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise SystemExit(f"{url} answered {answer.status}: {body[:300]!r}")
        took.append(time.monotonic() - begun)
    return took


if __name__ == "__main__":
    asyncio.run(main())
