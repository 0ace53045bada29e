"""What is purged of an account leaves the worth of its workspace, in the past too: its end is no loss."""

import pytest

from apps.exchanges import services
from apps.exchanges.services import purging
from apps.portfolio.models import Snapshot
from tests.apps.builders import NOON
from tests.apps.portfolio.holdings import holding, tell
from tests.apps.portfolio.test_performance import _now, asked, worth  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def purge(account, folder):
    services.archive_account(account, at=NOON)
    account.refresh_from_db()
    purging.purge(account, purging.exported(account, folder, at=NOON), at=NOON)


def test_the_past_is_without_it_and_so_is_the_return(tmp_path):
    tell()
    holding("main", USDT="100")
    gone = holding("gone", USDT="50")
    worth(1, main="100", gone="50")
    worth(2, main="110", gone="70")
    worth(3, main="121")
    purge(gone, tmp_path)
    assert [(each.total, each.equity) for each in Snapshot.objects.order_by("taken_at")[:3]] == [
        (100, 100),
        (110, 110),
        (121, 121),
    ]
    told = asked()
    assert told["time_weighted"] == pytest.approx(0.21)
    assert (told["gain"], told["net_flows"]) == ("21", "0")


def test_what_was_unknown_stays_so(tmp_path):
    tell()
    holding("main", USDT="100")
    gone = holding("gone", USDT="50")
    worth(1, main="100", gone="50")
    Snapshot.objects.update(equity=None)
    gone_worth = Snapshot.objects.get().accounts.get(account=gone)
    gone_worth.equity = None
    gone_worth.save()
    purge(gone, tmp_path)
    snapshot = Snapshot.objects.order_by("taken_at").first()
    assert (snapshot.total, snapshot.equity) == (100, None)
