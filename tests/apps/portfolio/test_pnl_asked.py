"""What a question about profit may name: days, assets, and whose books."""

import pytest

from apps.exchanges.models import AccountGroup
from apps.users.models import Membership, Workspace
from tests.alphapulse.portfolio.happenings import trade, transfer
from tests.apps.api import get, logged_in, user
from tests.apps.builders import account
from tests.apps.portfolio.holdings import holding, tell
from tests.apps.portfolio.ledgers import happen

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PNL = "/api/portfolio/pnl"
BASIC = {"environment": "sandbox", "currency": "USDT"}


@pytest.fixture
def mine():
    tell()
    account = holding("main", BTC="1", ETH="2")
    happen(account, transfer("deposit 1000 USDT", 1), trade("buy 1 at 100", 2))
    return account


def refused(path=PNL, **params):
    answer = logged_in().get(path, BASIC | params)
    assert answer.status_code == 400, answer.content
    [(name, [problem])] = answer.json()["errors"].items()
    return name, problem


@pytest.mark.parametrize("wrong", ["2026-10-05T00:00+02:00", "2026-10-05T01:00", "2026-10-05T00:00:00Z", "20261005"])
def test_profit_is_told_by_days_of_utc_and_hours_and_zones_are_refused(mine, wrong):
    for name in ("since", "until"):
        told = f"expected a day of UTC (2026-11-21), without an hour and a zone, not {wrong!r}."
        assert refused(**{name: wrong}) == (name, told)


def test_a_day_is_taken_as_it_is(mine):
    told = get(logged_in(), PNL, **BASIC, since="2026-01-02", until="2026-01-03")
    assert (told["since"], told["until"]) == ("2026-01-02", "2026-01-03")


def test_an_asset_that_nobody_had_is_refused_with_those_that_there_are(mine):
    assert refused(asset="NOPE") == ("asset", "none of these accounts has had 'NOPE'; there are BTC, USDT.")


def test_an_asset_is_known_however_it_is_written(mine):
    told = get(logged_in(), PNL, **BASIC, asset="btc")
    assert [row["asset"] for row in told["held"]] == ["BTC"]
    assert {row["asset"] for row in told["residuals"]} == {"BTC"}


def test_what_is_held_without_a_history_has_been_had_and_so_has_what_is_asked_of_quiet_days(mine):
    assert [row["asset"] for row in get(logged_in(), PNL, **BASIC, asset="ETH")["residuals"]] == ["ETH"]
    assert get(logged_in(), PNL, **BASIC, asset="USDT", since="2020-01-01", until="2020-01-02")["days"] == []


def in_a_second_workspace():
    second = Workspace.objects.create(name="second")
    Membership.objects.create(user=user(), workspace=second, role="viewer")
    return second


@pytest.mark.parametrize("path", [PNL, "/api/portfolio/performance"])
def test_who_is_in_several_workspaces_is_told_which_they_may_name(mine, path):
    second = in_a_second_workspace()
    told = f"books are a workspace's: name one of {mine.workspace_id} (family), {second.pk} (second)."
    assert refused(path) == ("workspace_id", told)


@pytest.mark.parametrize("path", [PNL, "/api/portfolio/performance"])
def test_an_account_or_a_group_says_whose_books_are_meant(mine, path):
    in_a_second_workspace()
    group = AccountGroup.objects.create(workspace=mine.workspace, name="all")
    group.accounts.add(mine)
    for named in ({"account": "main"}, {"account": mine.pk}, {"group": group.pk}):
        assert get(logged_in(), path, **BASIC, **named)["workspace_id"] == mine.workspace_id


def test_a_label_that_two_workspaces_have_says_neither(mine):
    second = in_a_second_workspace()
    account("main", owner="others")
    Membership.objects.create(user=user(), workspace=Workspace.objects.get(name="others"), role="viewer")
    name, told = refused(account="main")
    assert name == "workspace_id"
    assert str(second.pk) not in told
    assert "(family)" in told
    assert "(others)" in told
