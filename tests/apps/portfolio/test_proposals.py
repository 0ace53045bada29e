"""A proposal from asked to done, through workers that die."""

import subprocess
import sys
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from alphapulse.portfolio.strategies.question import Infeasible
from apps.core.clock import now
from apps.portfolio import tasks
from apps.portfolio.models import Proposal, ProposalState
from apps.portfolio.services import optimise, proposals, work
from config.env import ROOT
from tests.apps import builders
from tests.apps.builders import NOON, later

from .divided import QUESTION

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def asked(at=NOON) -> Proposal:
    of = builders.workspace("family")
    return proposals.ask(of, environment="sandbox", question=QUESTION, actor=None, at=at)


def claimed(message: str = "first", seconds: float = 0) -> Proposal:
    proposal = proposals.claim(asked().pk, message=message, now=later(seconds))
    assert proposal is not None
    return proposal


def row() -> Proposal:
    return Proposal.objects.get()


def test_who_claims_it_may_finish_it():
    assert proposals.finish(claimed(), {"weights": []}, now=later(3))
    assert (row().state, row().answer, row().finished_at) == (ProposalState.DONE, {"weights": []}, later(3))


def test_another_message_does_not_get_what_is_worked_at():
    proposal = claimed()
    assert proposals.claim(proposal.pk, message="second", now=later(10)) is None


def test_the_same_message_once_more_takes_over_at_once_and_who_was_before_writes_nothing():
    before = claimed("first")
    after = proposals.claim(before.pk, message="first", now=later(1))
    assert after is not None
    assert not proposals.finish(before, {"by": "before"}, now=later(2))
    assert proposals.finish(after, {"by": "after"}, now=later(3))
    assert not proposals.finish(after, {"by": "after, again"}, now=later(4))
    assert row().answer == {"by": "after"}


def test_any_message_takes_over_when_the_claim_has_ended():
    before = claimed("first")
    end = proposals.LEASE + timedelta(seconds=1)
    after = proposals.claim(before.pk, message="second", now=NOON + end)
    assert after is not None
    assert after.losses == 1
    assert not proposals.fail(before, "too late", now=NOON + end)


def test_two_that_claim_at_the_same_moment_do_not_both_get_it(monkeypatch):
    proposal = asked()
    found = Proposal.objects.filter(pk=proposal.pk)
    first = proposals.claim(proposal.pk, message="first", now=NOON)

    class Late:
        """Who read the row before the other one wrote it."""

        def first(self):
            return proposal

    monkeypatch.setattr(
        Proposal.objects, "filter", lambda *terms, **fields: Late() if terms else found.filter(**fields)
    )
    assert proposals.claim(proposal.pk, message="second", now=NOON) is None
    assert first is not None


def test_after_three_lost_workers_it_has_failed_in_words():
    proposal = claimed("first")
    for _ in range(2):
        assert proposals.claim(proposal.pk, message="first", now=later(1)) is not None
    assert proposals.claim(proposal.pk, message="first", now=later(1)) is None
    assert row().state == ProposalState.FAILED
    assert row().error == "3 workers in a row ended while they calculated this: it is left alone."


def test_what_has_ended_is_nobodys_any_more():
    proposal = claimed()
    proposals.fail(proposal, "infeasible", now=later(1))
    assert proposals.claim(proposal.pk, message="first", now=later(2)) is None


@pytest.mark.parametrize(("seconds", "is_lying"), [(9, False), (11, True)])
def test_what_nobody_takes_is_sent_again_after_ten_seconds(seconds, is_lying):
    proposal = asked()
    assert proposals.left_lying(later(seconds)) == ([proposal.pk] if is_lying else [])


def test_what_is_worked_at_is_sent_again_when_its_claim_has_ended():
    proposal = claimed()
    assert proposals.left_lying(later(60)) == []
    assert proposals.left_lying(NOON + proposals.LEASE + timedelta(seconds=1)) == [proposal.pk]


def test_the_sweep_sends_their_messages(monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.optimise, "apply_async", lambda **message: sent.append(message))
    lost = asked(at=now() - timedelta(minutes=1))
    asked(at=now())
    tasks.sweep_proposals.run()
    assert sent == [{"kwargs": {"proposal_id": lost.pk}, "expires": 10.0}]


def test_what_ended_long_ago_is_forgotten():
    proposals.finish(claimed(), {}, now=NOON)
    proposals.prune(NOON + proposals.KEPT)
    assert Proposal.objects.exists()
    proposals.prune(NOON + proposals.KEPT + timedelta(seconds=1))
    assert not Proposal.objects.exists()


# --- Whatever happens while it is worked at --------------------------------------------------------------------------


def ended(monkeypatch, outcome: object) -> Proposal:
    """After a try in which that was raised, or came out."""

    def answer_to(*_):
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(optimise, "answer_to", answer_to)
    proposal = asked()
    work.work_at(proposal.pk, message="first")
    # Delivered twice, it does nothing more.
    work.work_at(proposal.pk, message="first")
    return row()


def test_an_answer_is_kept(monkeypatch):
    assert ended(monkeypatch, {"weights": []}).state == ProposalState.DONE


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (Infeasible("The least weights add up to 120.0 %."), "The least weights add up to 120.0 %."),
        (SoftTimeLimitExceeded(), "It took more than 90 s: ask for fewer assets, or for a shorter past."),
        (MemoryError(), "It needs more memory than there is: ask for fewer assets, or for a shorter past."),
    ],
)
def test_what_cannot_be_answered_fails_in_words(monkeypatch, problem, words):
    proposal = ended(monkeypatch, problem)
    assert (proposal.state, proposal.error) == (ProposalState.FAILED, words)


def test_our_own_mistake_is_said_to_be_one_and_is_raised(monkeypatch):
    with pytest.raises(KeyError):
        ended(monkeypatch, KeyError("weights"))
    assert row().error == "Something went wrong here; it has been logged."


def test_only_who_calculates_loads_the_optimisation_library():
    """Its hundreds of megabytes are no other process's."""
    code = (
        "import sys, django; django.setup(); import config.urls, config.celery;"
        "config.celery.app.loader.import_default_modules();"
        "heavy = {'skfolio', 'sklearn', 'pandas', 'cvxpy', 'matplotlib', 'pyarrow', 'talib'} & set(sys.modules);"
        "assert 'apps.portfolio.tasks' in sys.modules; assert not heavy, heavy"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings_test", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
