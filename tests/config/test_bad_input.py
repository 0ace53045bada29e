"""What no client of ours sends: each address that takes a body refuses it in words, and nothing is stored of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from apps.users.models import Membership, User
from tests.apps.api import bearer, tokens_of, user
from tests.config.doors import DOORS, Door
from tests.config.good_bodies import good_body
from tests.config.objects import objects_of, own_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

with GENERATOR_STATS.silence():
    SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)


def operation(door: Door) -> dict[str, Any]:
    path = "/" + door.path.replace("<int:", "{").replace(">", "}")
    return SCHEMA["paths"][path][door.method.lower()]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Where it stands, and with what it may be instead (`null`) left out."""
    if "$ref" in schema:
        return resolved(SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for each in schema.get("allOf", []) + schema.get("oneOf", []):
        if each.get("type") != "null":
            return resolved(each)
    return schema


def fields(door: Door) -> dict[str, dict[str, Any]]:
    body = operation(door)["requestBody"]["content"]["application/json"]["schema"]
    return {name: resolved(each) for name, each in resolved(body).get("properties", {}).items()}


TAKING_A_BODY = [door for door in DOORS if "requestBody" in operation(door)]
FIELDS = [(door, name) for door in TAKING_A_BODY for name in fields(door)]


def types_of(field: dict[str, Any]) -> set[str]:
    kinds = field.get("type", "string")
    return {kinds} if isinstance(kinds, str) else set(kinds)


# --- Who asks, and what there is afterwards ------------------------------------------------------------------------


class World:
    """Somebody of the staff, one of each of their things, and all rows as they were."""

    def __init__(self) -> None:
        self.owner = user()
        User.objects.filter(pk=self.owner.pk).update(is_staff=True)
        self.owner.refresh_from_db()
        self.client = bearer(tokens_of(self.owner).access)
        self.client.raise_request_exception = False

    def good_body(self, door: Door) -> dict[str, Any]:
        return good_body(str(door), self.owner)

    def address(self, door: Door) -> str:
        workspace = own_workspace(self.owner)
        objects = objects_of(self.owner, workspace, door.path)
        if "user_id" in objects:
            member = Membership.objects.create(user=user("member"), workspace=workspace, role="viewer")
            objects["user_id"] = member.user_id
        path = door.path
        for name, pk in objects.items():
            path = path.replace(f"<int:{name}>", str(pk))
        return f"/{path}"


@pytest.fixture
def world(nothing_leaves, settings) -> World:
    settings.RATE_LIMIT_FACTOR = 100_000
    return World()


def all_rows() -> dict[str, list[Any]]:
    return {model.__name__: sorted(map(str, model._default_manager.values())) for model in apps.get_models()}


def send(client: APIClient, door: Door, address: str, raw: bytes) -> Any:
    return client.generic(door.method, address, raw, "application/json")


def assert_refused(answer: Any, *statuses: int, before: dict[str, list[Any]]) -> dict[str, Any]:
    problem = answer.json()
    assert answer.status_code in statuses, problem
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["detail"]
    assert all_rows() == before
    return problem


# --- Bodies ---------------------------------------------------------------------------------------------------------

NO_BODIES = {
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "1e400": b'{"a": 1e400}',
    "half a letter": b'{"\\ud800": "\\udfff"}',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "no end": b'{"a": ',
    "100,000 deep": b"[" * 100_000,
    "deep": b"[" * 500 + b"]" * 500,
    "a list": b"[]",
    "a text": b'"{}"',
    "a number": b"7",
    "NUL": b'{"a": 1}\0',
}


@pytest.mark.parametrize("door", TAKING_A_BODY, ids=str)
def test_what_is_no_body_is_told_so_and_nothing_is_stored(door, world):
    address, before = world.address(door), all_rows()
    for raw in NO_BODIES.values():
        assert_refused(send(world.client, door, address, raw), 400, before=before)


@pytest.mark.parametrize("door", TAKING_A_BODY, ids=str)
def test_ten_megabytes_are_too_much(door, world):
    address, before = world.address(door), all_rows()
    raw = b'{"a": "' + b"x" * 10_000_000 + b'"}'
    assert assert_refused(send(world.client, door, address, raw), 413, before=before)["code"] == "body_too_large"


@pytest.mark.parametrize("door", TAKING_A_BODY, ids=str)
def test_a_field_that_nobody_knows_is_refused_by_name(door, world):
    address, body = world.address(door), world.good_body(door)
    before = all_rows()
    for name in ("no_such_field", "is_staff", "id", "<script>", "__class__"):
        raw = json.dumps(body | {name: True}).encode()
        problem = assert_refused(send(world.client, door, address, raw), 400, before=before)
        assert list(problem["errors"]) == [name]


# --- Values ---------------------------------------------------------------------------------------------------------

WRONG: dict[str, list[Any]] = {
    "string": [7, 1.5, True, [], {}, ["a"]],
    "integer": ["7", 1.5, True, [], {}, 10**30, "NaN"],
    "number": ["7", True, [], {}, 10**30, "NaN"],
    "boolean": ["true", 0, 1, [], {}],
    "array": ["a", 7, True, {}, {"0": "a"}],
    "object": ["a", 7, True, []],
}


@pytest.mark.parametrize(("door", "name"), FIELDS, ids=str)
def test_a_value_of_another_type_is_refused_by_its_fields_name(door, name, world):
    address, body = world.address(door), world.good_body(door)
    (kind,) = types_of(fields(door)[name]) - {"null"}
    before = all_rows()
    for value in WRONG[kind]:
        raw = json.dumps(body | {name: value}).encode()
        problem = assert_refused(send(world.client, door, address, raw), 400, before=before)
        assert list(problem["errors"]) == [name]


TRICKS = {
    "NUL": "a\0b",
    "another direction": "a\u202eb",
    "nothing to be seen": "a\u200bb",
    "a line": "a\r\nSet-Cookie: a=b",
    "SQL": "'; DROP TABLE users_user; --",
    "SQL that is always true": "' OR 1=1 --",
    "HTML": "<script>alert(1)</script>",
    "an attribute": '" onmouseover="alert(1)',
    "a template": "{{ settings.SECRET_KEY }} ${7*7}",
    "long": "x" * 100_000,
}


def texts(door: Door) -> Iterator[tuple[str, Any]]:
    """The fields that are texts, and how one is sent in each."""
    for name, field in fields(door).items():
        if "string" in types_of(field):
            yield name, lambda text: text
        elif "array" in types_of(field) and "string" in types_of(resolved(field["items"])):
            yield name, lambda text: [text]


# These may be anything that people type, and are compared or hashed, never shown; the keys' exchange judges those.
OPAQUE = {"password", "current_password", "new_password", "api_key", "secret"}


@pytest.mark.parametrize("door", [door for door in TAKING_A_BODY if any(texts(door))], ids=str)
def test_markup_sql_and_tricks_are_refused_in_every_text(door, world):
    address, body = world.address(door), world.good_body(door)
    before = all_rows()
    for name, sent in texts(door):
        if name in OPAQUE:
            continue
        for trick in TRICKS.values():
            answer = send(world.client, door, address, json.dumps(body | {name: sent(trick)}).encode())
            assert 400 <= answer.status_code < 500, (name, trick[:40], answer.content)
            assert without_failures(all_rows()) == without_failures(before), (name, trick[:40])


def without_failures(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Failed logins are counted and written down, as they should be."""
    return {name: found for name, found in rows.items() if name not in {"LoginFailures", "AuditEntry", "AuditLink"}}


@pytest.mark.parametrize("trick", ["NUL", "long"])
@pytest.mark.parametrize(("door", "name"), [each for each in FIELDS if each[1] in OPAQUE], ids=str)
def test_what_no_password_can_be_is_refused(door, name, trick, world):
    address, body = world.address(door), world.good_body(door)
    before = all_rows()
    raw = json.dumps(body | {name: TRICKS[trick]}).encode()
    assert list(assert_refused(send(world.client, door, address, raw), 400, before=before)["errors"]) == [name]


@pytest.mark.parametrize("text", list(TRICKS.values())[4:8])
def test_what_looks_like_markup_opens_no_door_and_is_no_key(text, world):
    assert user("other").check_password(text) is False
    answer = APIClient().post("/api/user/login", {"username": text, "password": text}, format="json")
    assert answer.status_code == 401


def test_there_are_fields_of_each_kind_to_be_tried():
    kinds = {kind for door, name in FIELDS for kind in types_of(fields(door)[name])}
    assert kinds >= {"string", "integer", "boolean", "array", "object"}
    assert len(TAKING_A_BODY) > 15
