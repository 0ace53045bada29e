"""What changed, to every browser that may know."""

import asyncio
from collections.abc import Sequence
from typing import Any

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from loguru import logger

from apps.exchanges.models import ExchangeAccount

PATIENCE = 2  # seconds for a Redis that does not answer


def group_of(workspace_id: int) -> str:
    return f"workspace.{workspace_id}"


def push_synced(*, account_ids: Sequence[int], kind: str) -> None:
    """Tells each workspace of its own accounts. The feed is a hint: a Redis that is away costs it, and nothing else."""
    owners: dict[int, list[int]] = {}
    for pk, workspace_id in ExchangeAccount.objects.filter(pk__in=account_ids).values_list("pk", "workspace_id"):
        owners.setdefault(workspace_id, []).append(pk)
    messages = {
        group_of(workspace_id): _event({"type": "accounts.synced", "account_ids": sorted(ids), "kind": kind})
        for workspace_id, ids in owners.items()
    }
    _push(messages, f"{len(account_ids)} {kind} synced")


def push_ended(*, session_ids: Sequence[int]) -> None:
    """Closes the sockets of these sessions, wherever they are. What is lost on the way, each `hub` finds out."""
    messages = {f"session.{session_id}": {"type": "feed.ended"} for session_id in session_ids}
    _push(messages, f"{len(session_ids)} sessions ended")


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {"type": "feed.event", "event": event}


def _push(messages: dict[str, dict[str, Any]], what: str) -> None:
    try:
        async_to_sync(_send)(messages)
    except (redis.RedisError, OSError) as problem:
        logger.warning("the feed was not told of {}: {}", what, problem)


async def _send(messages: dict[str, dict[str, Any]]) -> None:
    layer = get_channel_layer()
    # The layer's own patience is that of a reader, and it tries again: a sync would wait for a minute.
    async with asyncio.timeout(PATIENCE):
        for group, message in messages.items():
            await layer.group_send(group, message)
