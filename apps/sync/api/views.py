from http import HTTPStatus

from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from alphapulse.types import KINDS_OF_ACCOUNT
from apps.audit.services import record
from apps.core.clock import now
from apps.core.limits import Limit
from apps.core.problems import Conflict, TryLater
from apps.core.serializers import Body, given
from apps.exchanges.api.accounts import OfAccount
from apps.sync import tasks
from apps.sync.models import SyncState
from apps.sync.services.watch import meant
from apps.users.scopes import Scope

KINDS = [kind.value for kind in KINDS_OF_ACCOUNT]


class ResyncBody(Body):
    kind = serializers.ChoiceField(
        KINDS, required=False, help_text="left out: what the account has now, without its histories"
    )


class ResyncRow(serializers.Serializer):
    account_id = serializers.IntegerField()
    kinds = serializers.ListField(child=serializers.ChoiceField(KINDS), help_text="what was asked for")


class Resync(OfAccount):
    """Reads an account anew, before everything else that is due. How it went is in `/api/system/status`."""

    scopes = {}
    scope = Scope.SYNC_WRITE
    limit = Limit(per_minute=30, burst=30)

    also_answers = (HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)

    @extend_schema(request=ResyncBody, responses={202: ResyncRow})
    def post(self, request: Request, account_id: int) -> Response:
        account = self.changeable(account_id)
        kind = given(ResyncBody, request).get("kind")
        states = meant(account_id=account.pk, exchange_id=None, kind=kind)
        if not states:
            raise Conflict(_why_nothing(account, kind))
        try:
            tasks.resync.delay(account_id=account.pk, **({"kind": kind} if kind else {}))
        except OperationalError:
            raise TryLater("The message broker does not answer: nothing was asked for.") from None
        record("sync.asked", account, at=now(), actor=request.user, kind=kind)
        told = {"account_id": account.pk, "kinds": sorted(state.kind for state in states)}
        return Response(ResyncRow(told).data, status=status.HTTP_202_ACCEPTED)


def _why_nothing(account: object, kind: str | None) -> str:
    state = SyncState.objects.filter(account=account, kind=kind).first() if kind else None
    disabled = getattr(account, "disabled_reason", "")
    if disabled:
        return f"The account is disabled: {disabled}"
    return f"Nothing of that kind is synced for it{f': {state.error}' if state and state.error else '.'}"
