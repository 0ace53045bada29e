"""Asking for a proposal, and following it."""

import pytest
from kombu.exceptions import OperationalError

from apps.portfolio import tasks
from apps.portfolio.models import Proposal
from apps.portfolio.services import work
from apps.users.models import UserSettings
from tests.apps.api import get, logged_in, user
from tests.apps.builders import account

from .divided import holder, past_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PATH = "/api/portfolio/optimise"
BODY = {"strategy": "equal_weight", "environment": "sandbox"}


@pytest.fixture
def sent(monkeypatch) -> list:
    """The messages, which go nowhere."""
    messages: list = []
    monkeypatch.setattr(tasks.optimise, "apply_async", lambda **message: messages.append(message))
    return messages


def post(body: dict, client=None):
    return (client or logged_in()).post(PATH, body, format="json")


def test_it_is_asked_for_and_followed_by_its_row(sent):
    client = logged_in()
    told = post(BODY, client)
    assert told.status_code == 202
    row = told.json()
    assert (row["state"], row["answer"], row["question"]["days"]) == ("asked", None, 365)
    assert sent == [{"kwargs": {"proposal_id": row["id"]}, "expires": 150.0}]
    assert get(client, f"{PATH}/{row['id']}") == row


def test_where_no_environment_is_named_it_is_that_of_the_accounts(sent):
    client = logged_in()
    assert post({"strategy": "equal_weight"}, client).json()["environment"] == "live"
    account()
    assert post({"strategy": "equal_weight"}, client).json()["environment"] == "sandbox"


@pytest.mark.parametrize(
    ("settled", "said", "kept"),
    [(True, {}, True), (False, {}, False), (True, {"stablecoins_at_par": False}, False)],
)
def test_what_the_caller_takes_stablecoins_for_goes_along(sent, settled, said, kept):
    client = logged_in()
    UserSettings.objects.create(user=user(), base_currency="USD", stablecoins_at_par=settled)
    assert post(BODY | said, client).json()["question"]["stablecoins_at_par"] is kept


def test_a_question_of_before_that_was_asked_is_told_all_the_same(sent):
    client = logged_in()
    number = post(BODY, client).json()["id"]
    proposal = Proposal.objects.get(pk=number)
    del proposal.question["stablecoins_at_par"]
    proposal.save()
    assert get(client, f"{PATH}/{number}")["question"]["stablecoins_at_par"] is None


def test_its_answer_comes_through_a_worker(sent):
    holder(BTC="1", ETH="10", SOL="100")
    past_of("BTC", "ETH", "SOL")
    client = logged_in()
    number = post(BODY | {"strategy": "hierarchical_risk_parity", "days": 150}, client).json()["id"]
    work.work_at(sent[0]["kwargs"]["proposal_id"], message="its message")
    row = get(client, f"{PATH}/{number}")
    assert (row["state"], row["error"]) == ("done", "")
    assert sum(weight["proposed"] for weight in row["answer"]["weights"]) == pytest.approx(1)
    assert row["answer"]["history"]["returns"] == 149
    assert row["answer"]["trades"][0]["words"].startswith("sell ")


def test_why_there_is_no_answer_is_told(sent):
    holder(BTC="1")
    client = logged_in()
    number = post(BODY | {"strategy": "risk_parity", "assets": ["BTC"]}, client).json()["id"]
    work.work_at(sent[0]["kwargs"]["proposal_id"], message="its message")
    row = get(client, f"{PATH}/{number}")
    assert row["state"] == "failed"
    assert row["error"].startswith("No returns are known of BTC, and 60 of all assets together are needed")


def test_without_a_broker_it_is_asked_for_all_the_same(monkeypatch):
    def no_broker(**_):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.optimise, "apply_async", no_broker)
    assert post(BODY).status_code == 202
    assert Proposal.objects.exists()


def test_it_is_no_business_of_others(sent):
    number = post(BODY).json()["id"]
    assert logged_in("stranger").get(f"{PATH}/{number}").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"strategy": "luck"}, "strategy"),
        ({"assets": ["BTC", "BTC"]}, "assets"),
        ({"assets": ["BTC\x00"]}, "assets"),
        ({"weights": [{"asset": "BTC", "weight": -1}]}, "weights"),
        ({"weights": [{"asset": "BTC", "weight": "1"}]}, "weights"),
        ({"weights": [{"asset": "BTC", "weight": True}]}, "weights"),
        ({"constraints": {"least": 0.6, "most": 0.5}}, "constraints"),
        ({"constraints": {"bounds": [{"asset": "BTC", "at_most": 0.5}]}}, "constraints"),
        ({"constraints": {"max_turnover": 1.5}}, "constraints"),
        ({"timeframe": "1h", "days": 1825}, "days"),
        ({"turnover": 0.5}, "turnover"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(sent, wrong, field):
    told = post(BODY | wrong)
    assert (told.status_code, list(told.json()["errors"])) == (400, [field])
    assert sent == []
