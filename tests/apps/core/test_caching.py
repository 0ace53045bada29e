import pytest

from tests.apps.api import get, logged_in
from tests.apps.builders import account
from tests.apps.pages import balance_of, reading_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

POLLED = ["/api/exchange/balance", "/api/exchange/orders", "/api/portfolio/positions", "/api/exchange/accounts"]


@pytest.mark.parametrize("path", POLLED)
def test_who_has_the_answer_already_is_told_so_without_a_body(path):
    client = logged_in()
    account()
    first = client.get(path)
    again = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert first["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first["Vary"]


def test_a_change_is_another_answer():
    client, mine = logged_in(), account()
    first = client.get("/api/exchange/balance")
    balance_of(reading_of(mine))
    again = client.get("/api/exchange/balance", HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, len(again.json()["results"])) == (200, 1)


def test_tokens_and_refusals_are_kept_nowhere():
    client = logged_in()
    told = [
        client.post("/api/user/login", {}, format="json"),
        client.get("/api/exchange/accounts/999"),
        client.post("/api/user/logout", {}, format="json"),
        client.get("/api/user/profile"),
    ]
    assert [answer.status_code for answer in told] == [400, 404, 204, 401]
    assert {answer["Cache-Control"] for answer in told} == {"no-store"}


def test_lists_are_read_from_either_end():
    client = logged_in()
    account("first")
    account("second")
    labels = lambda **params: [row["label"] for row in get(client, "/api/exchange/accounts", **params)["results"]]  # noqa: E731
    assert labels() == labels(ordering="newest") == ["second", "first"]
    assert labels(ordering="oldest") == ["first", "second"]
    page = get(client, "/api/exchange/accounts", ordering="oldest", page_size=1)
    assert [row["label"] for row in client.get(page["next"]).json()["results"]] == ["second"]
    answer = client.get("/api/exchange/accounts", {"ordering": "label"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")
