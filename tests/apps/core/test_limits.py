import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from rest_framework.test import APIClient

from apps.core import limits
from apps.core.limits import Limit, take
from apps.core.throttling import Limits
from apps.ledger.api.views import Balances
from tests.apps.api import bearer, get, logged_in, tokens_of, user

SLOW = Limit(per_minute=6, burst=3)


@pytest.fixture(params=["redis", "alone"])
def counted(request, settings):
    """In Redis, and by the process itself while Redis is away."""
    settings.REDIS_URL = request.getfixturevalue("redis_url") if request.param == "redis" else "redis://127.0.0.1:1/0"
    limits._alone = limits._Alone()


@pytest.mark.usefixtures("counted")
def test_so_many_at_once_and_then_one_an_interval():
    assert [take([("a", SLOW)]) for _ in range(3)] == [0, 0, 0]
    assert 9 < take([("a", SLOW)]) <= 10
    assert take([("b", SLOW)]) == 0


@pytest.mark.usefixtures("counted")
def test_who_waits_pays_for_nothing_and_may_again_after_an_interval():
    quick = Limit(per_minute=6000, burst=1)
    assert take([("a", quick)]) == 0
    waits = [take([("a", quick)]) for _ in range(3)]
    assert all(wait <= 0.01 for wait in waits)


@pytest.mark.usefixtures("counted")
def test_what_one_subject_refuses_costs_the_other_nothing():
    one = Limit(per_minute=1, burst=1)
    assert take([("user", SLOW), ("address", one)]) == 0
    for _ in range(5):
        assert take([("user", SLOW), ("address", one)]) > 0
    assert [take([("user", SLOW)]) for _ in range(3)][:2] == [0, 0]


@pytest.mark.usefixtures("counted")
def test_many_at_the_same_moment_get_no_more_than_there_is():
    with ThreadPoolExecutor(16) as threads:
        waits = list(threads.map(lambda _: take([("a", SLOW)]), range(64)))
    assert waits.count(0) == 3


def test_all_processes_count_together(redis_url, settings):
    settings.REDIS_URL = redis_url
    assert [take([("a", SLOW)]) for _ in range(3)] == [0, 0, 0]
    limits._alone, limits._absence = limits._Alone(), limits._Absence()  # as another process begins
    assert take([("a", SLOW)]) > 0


# What another process of the same system does: ARGV are its Redis, its prefix and how often it asks.
ELSEWHERE = """
import os, sys
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings_test", "REDIS_URL": sys.argv[1]}
from apps.core import limits
limits.PREFIX = sys.argv[2]
print([limits.take([("a", limits.Limit(per_minute=6, burst=3))]) > 0 for _ in range(int(sys.argv[3]))])
"""


def test_two_processes_have_one_limit(redis_url):
    command = [sys.executable, "-c", ELSEWHERE, redis_url, limits.PREFIX, "2"]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(2))
    assert (first.stdout.strip(), second.stdout.strip()) == ("[False, False]", "[False, True]")


def test_limits_can_be_widened_for_who_measures(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.RATE_LIMIT_FACTOR = 10
    assert [take([("a", SLOW)]) for _ in range(30)] == [0] * 30
    assert take([("a", SLOW)]) > 0


@pytest.mark.django_db
def test_a_user_who_asks_too_often_is_told_when_to_come_back_and_others_are_served(monkeypatch):
    monkeypatch.setattr(Balances, "limit", Limit(per_minute=6, burst=2), raising=False)
    client = logged_in()
    for _ in range(2):
        get(client, "/api/exchange/balance")
    answer = client.get("/api/exchange/balance")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 10
    get(client, "/api/exchange/orders")
    get(logged_in("neighbours"), "/api/exchange/balance")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("client", "refusal"),
    [
        (lambda: APIClient(), 401),
        (lambda: bearer("nonsense"), 401),
        (lambda: bearer(tokens_of(user(), scopes=["user:read"]).access), 403),
    ],
    ids=["no token", "a wrong token", "a token without the scope"],
)
def test_who_is_refused_is_counted_too_and_costs_others_at_the_address_nothing(monkeypatch, client, refusal):
    monkeypatch.setattr(Balances, "limit", Limit(per_minute=6, burst=2), raising=False)
    asking = client()
    answers = [asking.get("/api/exchange/balance") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [refusal, refusal, 429, 429]
    assert answers[-1].json()["code"] == "throttled"
    assert 0 < int(answers[-1]["Retry-After"]) <= 10
    get(logged_in("neighbours"), "/api/exchange/balance")


@pytest.mark.django_db
def test_strangers_of_one_ipv6_network_are_counted_together(monkeypatch):
    monkeypatch.setattr(Balances, "limit", Limit(per_minute=6, burst=2), raising=False)
    asked = [APIClient(REMOTE_ADDR=f"2001:db8::{n}").get("/api/exchange/balance") for n in range(1, 4)]
    assert [answer.status_code for answer in asked] == [401, 401, 429]
    assert APIClient(REMOTE_ADDR="2001:db8:1::1").get("/api/exchange/balance").status_code == 401


@pytest.mark.django_db
def test_a_hundred_logins_that_invent_where_they_come_from_are_stopped():
    user()
    client = APIClient(REMOTE_ADDR="192.0.2.7")
    answers = [
        client.post(
            "/api/user/login",
            {"username": f"user {n}", "password": "guess"},
            format="json",
            HTTP_X_FORWARDED_FOR=f"198.51.100.{n}",
        )
        for n in range(100)
    ]
    codes = [answer.status_code for answer in answers]
    assert codes[:30] == [401] * 30
    assert codes.count(429) >= 60
    assert answers[-1].json()["code"] in {"throttled", "locked_out"}


def test_no_view_does_without_limits(settings):
    assert settings.REST_FRAMEWORK["DEFAULT_THROTTLE_CLASSES"] == [f"{Limits.__module__}.{Limits.__name__}"]
