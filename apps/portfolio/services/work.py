"""One proposal worked at from its claim to its end, whatever happens on the way."""

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from alphapulse.portfolio.strategies.question import CannotPropose
from apps.core.clock import now
from apps.portfolio.models import Proposal
from apps.portfolio.services import optimise, proposals

TOO_LONG = f"It took more than {settings.CELERY_TASK_SOFT_TIME_LIMIT} s: ask for fewer assets, or for a shorter past."
TOO_LARGE = "It needs more memory than there is: ask for fewer assets, or for a shorter past."
OURS = "Something went wrong here; it has been logged."


def work_at(proposal_id: int, *, message: str) -> None:
    """`message` is the id of what brought the work here. Raises what nobody foresaw, once the row says so."""
    proposal = proposals.claim(proposal_id, message=message, now=now())
    if proposal is not None:
        _work(proposal)


def _work(proposal: Proposal) -> None:
    try:
        answer = optimise.answer_to(proposal, now())
    except CannotPropose as reason:
        proposals.fail(proposal, str(reason), now=now())
    except SoftTimeLimitExceeded:
        proposals.fail(proposal, TOO_LONG, now=now())
    except MemoryError:
        proposals.fail(proposal, TOO_LARGE, now=now())
    except Exception:
        proposals.fail(proposal, OURS, now=now())
        raise
    else:
        proposals.finish(proposal, answer, now=now())
