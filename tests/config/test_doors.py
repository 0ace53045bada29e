"""No door of the table opens without its token, its scope and its role."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient
from rest_framework.views import APIView

from apps.users.models import Membership, Role, User
from apps.users.scopes import GRANTS, Scope, is_enough
from config.urls import urlpatterns
from tests.apps.api import bearer, tokens_of, user
from tests.config.doors import DOORS, Door
from tests.config.objects import objects_of, own_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("nothing_leaves")]


CLOSED = [each for each in DOORS if each.scope]
ON_OBJECTS = [each for each in DOORS if "<" in each.path and not each.is_of_all_ops]
# The API's own description, open to everybody.
PAGES = {"api/schema/", "api/docs/"}
TAKING_A_ROLE = [each for each in DOORS if each.takes_role]


def api_views(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, type]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_views(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("api/") and path not in PAGES:
            yield path, pattern.callback.view_class


def methods_of(view: type) -> list[str]:
    return [name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)]


def test_every_address_and_method_of_the_api_is_in_the_table():
    there_are = {f"{method} {path}" for path, view in api_views(urlpatterns) for method in methods_of(view)}
    assert there_are == {str(each) for each in DOORS}


def address(path: str, values: dict[str, int]) -> str:
    for name, value in values.items():
        path = path.replace(f"<int:{name}>", str(value))
    return f"/{path}"


def ask(client: APIClient, to: Door, values: dict[str, int]) -> Any:
    return client.generic(to.method, address(to.path, values), json.dumps(to.body), "application/json")


@pytest.fixture
def me() -> User:
    """Staff: no scope is out of reach."""
    found = user()
    User.objects.filter(pk=found.pk).update(is_staff=True)
    found.refresh_from_db()
    return found


@pytest.mark.parametrize("to", CLOSED, ids=str)
def test_without_a_token_it_is_a_401(me, to):
    answer = ask(APIClient(), to, objects_of(me, own_workspace(me), to.path))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("to", CLOSED, ids=str)
def test_with_a_token_that_lacks_only_its_scope_it_is_a_403(me, to):
    others = [scope for scope in Scope if scope is not to.scope]
    client = bearer(tokens_of(me, scopes=others).access)
    answer = ask(client, to, objects_of(me, own_workspace(me), to.path))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert str(to.scope) in answer.json()["detail"]


@pytest.mark.parametrize("to", CLOSED, ids=str)
def test_with_its_scope_alone_the_door_is_open(me, to):
    client = bearer(tokens_of(me, scopes=[to.scope]).access)
    answer = ask(client, to, objects_of(me, own_workspace(me), to.path))
    assert answer.status_code in {200, 201, 202, 204, 400, 409}, answer.content


@pytest.mark.parametrize("to", ON_OBJECTS, ids=str)
def test_what_is_somebody_elses_is_not_there(me, to):
    neighbour = user("neighbours")
    theirs = objects_of(neighbour, own_workspace(neighbour), to.path)
    client = bearer(tokens_of(me).access)
    assert ask(client, to, theirs).status_code == 404
    # Nor is it found by way of what is mine.
    mine = objects_of(me, own_workspace(me), to.path)
    last = list(theirs)[-1]
    assert ask(client, to, mine | {last: theirs[last]}).status_code == 404


@pytest.mark.parametrize(
    ("to", "role"),
    [(to, role) for to in TAKING_A_ROLE for role in Role.values if not is_enough(role, to.scope)],
    ids=str,
)
def test_in_a_workspace_where_my_role_is_too_low_it_is_a_403(me, to, role):
    neighbour = user("neighbours")
    workspace = own_workspace(neighbour)
    Membership.objects.create(user=me, workspace=workspace, role=role)
    answer = ask(bearer(tokens_of(me).access), to, objects_of(neighbour, workspace, to.path))
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_a_view_that_names_no_scope_is_open_to_nobody(me, rf):
    class Forgotten(APIView):
        def get(self, request):
            raise AssertionError("nobody comes this far")

    request = rf.get("/", HTTP_AUTHORIZATION=f"Bearer {tokens_of(me).access}")
    assert Forgotten.as_view()(request).status_code == 403


def test_every_scope_is_explained():
    assert set(GRANTS) == set(Scope)
