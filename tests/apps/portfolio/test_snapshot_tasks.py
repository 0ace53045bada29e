"""Who sends whom: the sweep sends what is due, and nothing that would come too late."""

import pytest

from apps.core import clock
from apps.portfolio import tasks
from apps.portfolio.models import Snapshot
from tests.apps.builders import workspace
from tests.apps.portfolio.holdings import holding, tell

pytestmark = pytest.mark.django_db


def test_the_sweep_sends_one_message_for_each_workspace_and_environment_that_is_due(monkeypatch):
    at = clock.now()
    tell(at=at)
    holding(BTC="1", at=at)
    holding("theirs", owner="neighbours", BTC="1", at=at)
    sent = []
    monkeypatch.setattr(tasks.snapshot, "apply_async", lambda **message: sent.append(message))
    tasks.sweep_snapshots.run()
    assert {message["kwargs"]["workspace_id"] for message in sent} == {workspace().pk, workspace("neighbours").pk}
    assert {message["expires"] for message in sent} == {30}
    for message in sent:
        tasks.snapshot.run(**message["kwargs"], of_the_future=1)
    assert Snapshot.objects.filter(total=100000).count() == 2


def test_thinning_leaves_what_is_fresh():
    at = clock.now()
    tell(at=at)
    holding(BTC="1", at=at)
    tasks.snapshot.run(workspace_id=workspace().pk, environment="sandbox")
    tasks.thin_snapshots.run()
    assert Snapshot.objects.count() == 1
