"""The control's paths: JSON in, JSON out, refusals in words."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from alphapulse.sandbox.control import Control
from alphapulse.sandbox.control_words import Refused, plain
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.faults import Faults
from alphapulse.sandbox.journal import Journal
from alphapulse.sandbox.orders import Rejection
from alphapulse.sandbox.wire import Host

Json = dict[str, Any]


def control_routes(engine: Engine, hosts: Mapping[str, Host], faults: Faults, journal: Journal) -> list[web.RouteDef]:
    control = Control(engine, hosts, faults, journal)
    table: list[tuple[str, str, Callable[[Json], object]]] = [
        ("GET", "health", control.health),
        ("GET", "accounts", control.accounts),
        ("POST", "accounts", control.create_account),
        ("PUT", "keys", control.put_key),
        ("DELETE", "keys", control.remove_key),
        ("PUT", "balances", control.set_balances),
        ("PUT", "debts", control.set_debts),
        ("PUT", "positions", control.set_position),
        ("GET", "prices", control.price),
        ("POST", "prices", control.set_price),
        ("GET", "orders", control.orders),
        ("POST", "orders", control.place_order),
        ("POST", "orders/fill", control.fill_order),
        ("POST", "orders/cancel", control.cancel_order),
        ("GET", "history", control.history),
        ("POST", "history", control.plant),
        ("GET", "faults", control.list_faults),
        ("POST", "faults", control.add_fault),
        ("DELETE", "faults", control.clear_faults),
        ("GET", "requests", control.requests),
        ("DELETE", "requests", control.forget_requests),
        ("POST", "forgive", control.forgive),
    ]
    return [web.route(method, f"/_sandbox/{path}", _answering(step)) for method, path, step in table]


def _answering(step: Callable[[Json], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read() or b"{}") if request.can_read_body else {}
            if not isinstance(body, dict):
                raise Refused("the body must be a JSON object")
            content = step({**request.query, **body})
        except Rejection as rejection:
            return _json({"error": str(rejection)}, 409)
        except KeyError as error:
            return _json({"error": f"{error} is missing"}, 400)
        except (Refused, ValueError, TypeError) as error:
            return _json({"error": str(error)}, 400)
        created = isinstance(content, dict) and content.get("created") is True
        return _json(content, 201 if created else 200)

    return answer


def _json(content: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(content, default=plain), status=status, content_type="application/json")
