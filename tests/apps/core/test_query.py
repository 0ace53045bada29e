"""What stands behind the `?` of an address: refused in words where it cannot be, never a 5xx."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest

from tests.apps.api import logged_in
from tests.apps.builders import account

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

# Of the years that there are, but not in UTC.
BEYOND = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")


def refused(path: str, **parameters: str) -> list[str]:
    answer = logged_in().get(f"{path}?{urlencode(parameters)}")
    assert answer.status_code == 400, answer.content
    return list(answer.json()["errors"])


@pytest.mark.parametrize("moment", BEYOND)
@pytest.mark.parametrize("path", ["/api/exchange/trades", "/api/exchange/orders"])
def test_a_time_that_is_none_in_utc_is_refused(path, moment):
    account()
    assert refused(path, since=moment) == ["since"]
    assert refused(path, until=moment) == ["until"]


@pytest.mark.parametrize("moment", BEYOND)
def test_nor_is_it_a_place_in_a_list(moment):
    account()
    assert refused("/api/exchange/trades", cursor=b64encode(f"p={moment}".encode()).decode()) == ["cursor"]


@pytest.mark.parametrize("size", ["0", "501", "-1", "0000000011999", "1e2"])
def test_no_page_is_larger_than_pages_are(size):
    assert refused("/api/exchange/accounts", page_size=size) == ["page_size"]
