"""What is purged of an account leaves the worth of its workspace, in the past too: its end is no loss."""

import pytest

from apps.exchanges import services
from apps.exchanges.services import purging
from apps.portfolio.models import AccountWorth, Snapshot
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


def test_what_was_unknown_because_of_it_is_known(tmp_path):
    tell()
    holding("main", USDT="100")
    gone = holding("gone", USDT="50")
    worth(1, main="100", gone="50")
    Snapshot.objects.update(equity=None, is_complete=False, stale=[gone.pk], failed=[gone.pk])
    AccountWorth.objects.filter(account=gone).update(equity=None, is_in_doubt=True, is_complete=False)
    purge(gone, tmp_path)
    snapshot = Snapshot.objects.order_by("taken_at").first()
    assert (snapshot.total, snapshot.equity, snapshot.is_complete) == (100, 100, True)
    assert (snapshot.stale, snapshot.failed) == ([], [])


def test_what_is_unknown_of_others_stays_so(tmp_path):
    tell()
    main, gone = holding("main", USDT="100"), holding("gone", USDT="50")
    worth(1, main="100", gone="50")
    Snapshot.objects.update(equity=None, is_complete=False, stale=[main.pk])
    AccountWorth.objects.filter(account=main).update(equity=None, is_in_doubt=True, is_complete=False)
    purge(gone, tmp_path)
    snapshot = Snapshot.objects.order_by("taken_at").first()
    assert (snapshot.total, snapshot.equity, snapshot.is_complete, snapshot.stale) == (100, None, False, [main.pk])
