import pytest

from apps.users.models import UserSettings
from tests.apps.api import get, logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DEFAULTS = {
    "base_currency": "USD",
    "stablecoins_at_par": False,
    "time_zone": "UTC",
    "quiet_hours": None,
    "number_format": "1,234.56",
}
MINE = {
    "base_currency": "EUR",
    "stablecoins_at_par": True,
    "time_zone": "Europe/Berlin",
    "quiet_hours": {"begin": "22:30", "end": "07:00"},
    "number_format": "1.234,56",
}


def put(client, body):
    return client.put("/api/user/settings", body, format="json")


def test_who_never_chose_has_the_defaults_and_no_row():
    client = logged_in()
    assert get(client, "/api/user/settings") == DEFAULTS
    assert get(client, "/api/user/profile")["settings"] == DEFAULTS
    assert not UserSettings.objects.exists()


def test_what_i_choose_is_kept_for_me_alone():
    client = logged_in()
    answer = put(client, MINE)
    assert (answer.status_code, answer.json()) == (200, MINE)
    assert get(client, "/api/user/profile")["settings"] == MINE
    assert get(logged_in("neighbours"), "/api/user/settings") == DEFAULTS


def test_what_is_left_out_stays_and_null_turns_quiet_hours_off():
    client = logged_in()
    put(client, MINE)
    assert put(client, {"base_currency": "BTC"}).json() == MINE | {"base_currency": "BTC"}
    assert put(client, {"quiet_hours": None}).json() == MINE | {"base_currency": "BTC", "quiet_hours": None}
    assert put(client, {}).json()["time_zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"base_currency": "DOGE MOON"}, "base_currency"),
        ({"base_currency": 7}, "base_currency"),
        ({"base_currency": None}, "base_currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "UTC\0"}, "time_zone"),
        ({"number_format": "1234,5"}, "number_format"),
        ({"quiet_hours": {"begin": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"begin": "22:00", "end": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"begin": "25:00", "end": "07:00"}}, "quiet_hours"),
        ({"quiet_hours": {"begin": "22:00", "end": "07:00", "zone": "UTC"}}, "quiet_hours"),
        ({"quiet_hours": "22:00-07:00"}, "quiet_hours"),
        ({"theme": "dark"}, "theme"),
    ],
)
def test_what_is_no_setting_is_told_field_by_field_and_nothing_is_stored(body, field):
    client = logged_in()
    answer = put(client, MINE | body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(answer.json()["errors"]) == [field]
    assert not UserSettings.objects.exists()
