"""The API as a frontend sees it: through login and tokens."""

from typing import Any

from rest_framework.test import APIClient

from apps.users.models import User

PASSWORD = "correct horse battery"


def user(name: str = "family") -> User:
    found = User.objects.filter(username=name).first() or User.objects.create_user(name)
    found.set_password(PASSWORD)
    found.save()
    return found


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
