"""The API's own description: complete, typed, and true of what is answered."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from rest_framework.test import APIClient

from apps.core.clock import now
from apps.exchanges.models import AccountGroup
from apps.ledger.models import FundingPayment, LedgerEntry, Order, Position, Trade, Transfer
from apps.portfolio.services import proposals, snapshots
from apps.portfolio.services.optimise import answer_to
from apps.system.models import OpsEvent, Trouble
from apps.users.models import ApiToken, User, UserSettings
from tests.apps import builders
from tests.apps.api import bearer, logged_in, tokens_of, user
from tests.apps.pages import balance_of, reading_of
from tests.apps.portfolio.divided import asked, holder, past_of
from tests.config.doors import DOORS
from tests.config.furnished import furnish_market
from tests.config.good_bodies import good_query
from tests.config.objects import pinned

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("nothing_leaves")]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    with GENERATOR_STATS.silence():
        return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_openapi_and_was_made_without_a_guess(schema):
    validate_schema(schema)
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache
    assert schema["openapi"].startswith("3.1")


def test_it_has_every_door_with_its_scope_and_no_other(schema):
    scopes = {name: operation["security"][0].get("bearer", [None])[0] for name, operation in operations(schema)}
    assert scopes == {_as_openapi(str(door)): door.scope for door in DOORS}


def _as_openapi(door: str) -> str:
    return door.replace(" ", " /").replace("<int:", "{").replace(">", "}")


def untyped(schema: Any, where: str) -> list[str]:
    """Places at which anything may stand."""
    if "$ref" in schema:
        return []
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in schema:
            return [place for each in schema[choice] for place in untyped(each, where)]
    kind = schema.get("type")
    if kind == "array":
        return untyped(schema["items"], f"{where}[]")
    if kind == "object":
        rest = schema.get("additionalProperties")
        parts = schema.get("properties", {}) | ({"*": rest} if rest else {})
        return (
            [place for name, each in parts.items() for place in untyped(each, f"{where}.{name}")] if parts else [where]
        )
    return [] if kind or "enum" in schema or "const" in schema else [where]


def test_nothing_that_is_sent_or_answered_is_untyped(schema):
    found = []
    for name, operation in operations(schema):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {})
            assert content or status == "204", f"{name} {status}"
            for each in content.values():
                found += untyped(each["schema"], f"{name} {status}")
        for each in operation.get("requestBody", {}).get("content", {}).values():
            found += untyped(each["schema"], f"{name} body")
    for name, each in schema["components"]["schemas"].items():
        found += untyped(each, name)
    assert found == ["Problem.errors"]


def test_every_operation_is_told_in_words_and_has_a_name_of_its_own(schema):
    ids = [operation["operationId"] for _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    assert all(operation["description"] for _, operation in operations(schema))


@pytest.fixture
def furnished() -> APIClient:
    """Staff who have one of everything."""
    owner = user()
    User.objects.update(is_staff=True)
    mine = builders.account(permissions={})
    AccountGroup.objects.create(workspace=mine.workspace, name="all").accounts.add(mine)
    builders.state(mine)
    balance_of(reading_of(mine))
    positions, orders = reading_of(mine, "positions", "usdm"), reading_of(mine, "orders")
    Position.objects.create(reading=positions, symbol="BTC/USDT:USDT", side="long", contracts="1")
    Order.objects.create(
        reading=orders, order_id="1", symbol="BTC/USDT", side="buy", type="limit", status="open", amount="1"
    )
    at = now()
    of_account = {"account": mine, "source": "a list", "exchange_at": at, "amount": "1"}
    Trade.objects.create(trade_id="1", symbol="BTC/USDT", side="buy", price="1", cost="1", **of_account)
    Transfer.objects.create(transfer_id="1", kind="deposit", status="ok", currency="BTC", **of_account)
    FundingPayment.objects.create(payment_id="1", symbol="BTC/USDT:USDT", currency="USDT", **of_account)
    LedgerEntry.objects.create(entry_id="1", kind="fee", currency="BTC", **of_account)
    OpsEvent.objects.create(
        kind=Trouble.REDIS_AWAY, subject="redis", message="It is away.", advice="Start it.", opened_at=at, seen_at=at
    )
    furnish_market(at)
    pinned(mine.workspace)
    # No market of the sandbox says what a dollar is.
    UserSettings.objects.create(user=owner, base_currency="USDT")
    for ago in (timedelta(hours=1), timedelta(0)):
        snapshots.take(mine.workspace_id, mine.environment, now=at - ago)
    owner.refresh_from_db()
    until = at + timedelta(days=1)
    ApiToken.objects.create(user=owner, name="a", prefix="a", scopes=["market:read"], created_at=at, expires_at=until)
    return bearer(tokens_of(owner).access)


TEXT, FILE = "api/system/metrics", "api/market/export"
READ = [door.path for door in DOORS if door.method == "GET" and "<" not in door.path and door.path not in {TEXT, FILE}]
# Whose answer is one thing, with something in it.
FULL = {
    "api/market/features/values": "values",
    "api/market/indicators": "indicators",
    "api/portfolio/allocation": "parts",
    "api/portfolio/history": "points",
    "api/portfolio/performance": "end",
    "api/portfolio/pnl": "residuals",
    "api/portfolio/summary": "total",
}


@pytest.mark.parametrize("path", READ)
def test_what_is_answered_is_what_it_says(schema, furnished, path):
    answer = furnished.get(f"/{path}", good_query(f"GET {path}"))
    assert answer.status_code == 200
    assert not wrong_in(answer.json(), schema, "/" + path)
    if isinstance(answer.json(), list):
        assert answer.json()
    else:
        assert answer.json().get(FULL.get(path, "results"), "one thing")


def test_a_proposal_that_is_done_is_what_it_says(schema):
    client = logged_in()
    holder(BTC="1", ETH="10")
    past_of("BTC", "ETH")
    proposal = asked(strategy="minimum_variance")
    assert proposals.finish(proposal, answer_to(proposal, now()), now=now())
    told = client.get(f"/api/portfolio/optimise/{proposal.pk}").json()
    assert told["answer"]["trades"]
    assert not wrong_in(told, schema, "/api/portfolio/optimise/{proposal_id}")


def wrong_in(answer: Any, schema: dict[str, Any], path: str) -> list[str]:
    document = Resource.from_contents(schema, default_specification=DRAFT202012)
    pointer = path.replace("/", "~1")
    told = {"$ref": f"urn:api#/paths/{pointer}/get/responses/200/content/application~1json/schema"}
    validator = Draft202012Validator(
        told, registry=Registry().with_resource("urn:api", document), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in validator.iter_errors(answer)]


def needed(operation: dict[str, Any]) -> set[str]:
    return {each["name"] for each in operation.get("parameters", []) if each["in"] == "query" and each.get("required")}


@pytest.mark.parametrize("door", [door for door in DOORS if door.method == "GET" and "<" not in door.path], ids=str)
def test_what_an_address_needs_is_said_to_be_required_and_it_is(schema, furnished, door):
    names = needed(schema["paths"]["/" + door.path]["get"])
    assert names == good_query(str(door)).keys() - {"environment"}
    for name in names:
        without = {other: value for other, value in good_query(str(door)).items() if other != name}
        answer = furnished.get(f"/{door.path}", without)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


def test_a_file_is_described_as_one(schema, furnished):
    told = schema["paths"][f"/{FILE}"]["get"]["responses"]["200"]["content"]
    for kind in ("csv", "parquet"):
        answer = furnished.get(f"/{FILE}", good_query(f"GET {FILE}") | {"as": kind})
        assert told.pop(answer["Content-Type"]) == {"schema": {"type": "string", "format": "binary"}}
        assert len(answer.content) > 1_000
    assert told == {}


def test_what_is_text_is_described_as_text(schema, furnished):
    told = schema["paths"][f"/{TEXT}"]["get"]["responses"]["200"]["content"]
    assert told == {"text/plain": {"schema": {"type": "string"}}}
    assert furnished.get(f"/{TEXT}")["Content-Type"].startswith("text/plain")


def test_the_schema_is_served_to_everybody():
    answer = Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "AlphaPulse"


def test_the_page_for_people_takes_everything_from_here_and_runs_nothing_inline():
    page = Client().get("/api/docs/").content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/") for source in sources)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
