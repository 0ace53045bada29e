"""The API as a frontend sees it: through login and tokens."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from rest_framework.test import APIClient

from apps.core.clock import now
from apps.core.visitors import Visitor
from apps.users.models import User
from apps.users.services.sessions import open_session
from apps.users.tokens import Tokens

PASSWORD = "correct horse battery"


def user(name: str = "family") -> User:
    found = User.objects.filter(username=name).first() or User.objects.create_user(name)
    if not found.has_usable_password():
        found.set_password(PASSWORD)
        found.save()
    return found


def tokens_of(owner: User, *, ago: float = 0, scopes: Collection[str] | None = None) -> Tokens:
    """Of a session of its own, without a password, begun so many seconds ago."""
    at = now() - timedelta(seconds=ago)
    return open_session(owner, scopes=scopes, visitor=Visitor(address="192.0.2.1", user_agent="a test"), now=at)


def log_in(owner: User) -> dict[str, str]:
    body = {"username": owner.username, "password": PASSWORD}
    return APIClient().post("/api/user/login", body, format="json").json()


def bearer(token: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {token}")


def logged_in(name: str = "family") -> APIClient:
    user(name)
    client = APIClient()
    answer = client.post("/api/user/login", {"username": name, "password": PASSWORD}, format="json")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    return client


def get(client: APIClient, path: str, **params: Any) -> Any:
    answer = client.get(path, params)
    assert answer.status_code == 200, answer.content
    return answer.json()
