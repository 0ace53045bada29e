"""Other weights for what is held: asked for here, calculated elsewhere, followed by its row."""

from typing import Any

from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError
from loguru import logger
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.limits import Limit
from apps.core.query import checked
from apps.core.serializers import given
from apps.exchanges.api.asked import usual_environment
from apps.portfolio import tasks
from apps.portfolio.api.bodies import STRATEGIES, TIMEFRAMES, OptimiseBody, QuestionRow
from apps.portfolio.models import Proposal, ProposalState
from apps.portfolio.services import proposals
from apps.users.api.permissions import workspace_for
from apps.users.scopes import Scope
from apps.users.services.preferences import settings_of


class ProposedWeightRow(serializers.Serializer):
    asset = serializers.CharField()
    current = serializers.FloatField(allow_null=True, help_text="null: nobody knows what is held")
    proposed = serializers.FloatField()


class ProposedTradeRow(serializers.Serializer):
    asset = serializers.CharField()
    side = serializers.ChoiceField(["buy", "sell"])
    amount = serializers.CharField(allow_null=True, help_text="of the asset; null where nobody says what it costs")
    value = serializers.CharField(help_text="in the question's currency")
    words = serializers.CharField()


class EstimateRow(serializers.Serializer):
    annual_return = serializers.FloatField()
    return_error = serializers.FloatField(help_text="the standard error of annual_return")
    annual_volatility = serializers.FloatField()
    sharpe = serializers.FloatField(allow_null=True)


class AssetPastRow(serializers.Serializer):
    asset = serializers.CharField()
    returns = serializers.IntegerField()
    source = serializers.CharField(allow_null=True)


class PastRow(serializers.Serializer):
    timeframe = serializers.ChoiceField(TIMEFRAMES)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    returns = serializers.IntegerField(help_text="that all of the assets have")
    assets = AssetPastRow(many=True)


class LeftOutRow(serializers.Serializer):
    asset = serializers.CharField()
    reason = serializers.CharField()


class AnswerRow(serializers.Serializer):
    weights = ProposedWeightRow(many=True)
    invested = serializers.CharField(help_text="what is divided, in the question's currency")
    trades = ProposedTradeRow(many=True)
    expected = EstimateRow(allow_null=True, help_text="what the past says of the proposed weights; null: too little")
    now = EstimateRow(allow_null=True, help_text="the same of the current weights")
    history = PastRow()
    reasons = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    left_out = LeftOutRow(many=True)


class ProposalRow(serializers.Serializer):
    id = serializers.IntegerField()
    workspace_id = serializers.IntegerField()
    environment = serializers.CharField()
    strategy = serializers.ChoiceField(STRATEGIES, source="question.strategy")
    state = serializers.ChoiceField(ProposalState.choices)
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="why it failed; empty otherwise")
    question = QuestionRow(help_text="as it was asked, with what was left out")
    answer = AnswerRow(allow_null=True)


class Optimise(APIView):
    """Asks for a proposal: other weights for what is held. It is calculated by workers; follow the row by its id."""

    scope = Scope.PORTFOLIO_READ
    limit = Limit(per_minute=10, burst=10)

    @extend_schema(request=OptimiseBody, responses={202: ProposalRow})
    def post(self, request: Request) -> Response:
        wanted: dict[str, Any] = given(OptimiseBody, request)
        workspace = workspace_for(request, wanted.pop("workspace_id", None), self.scope)
        environment = wanted.pop("environment", None) or usual_environment(request.user)
        if wanted["stablecoins_at_par"] is None:
            wanted["stablecoins_at_par"] = settings_of(request.user).stablecoins_at_par
        proposal = proposals.ask(workspace, environment=environment, question=wanted, actor=request.user, at=now())
        _send(proposal)
        return Response(ProposalRow(proposal).data, status=status.HTTP_202_ACCEPTED)


class OneProposal(APIView):
    """A proposal: `asked` or `claimed` while it is worked at, then `done` with its answer, or `failed` and why."""

    scope = Scope.PORTFOLIO_READ

    @extend_schema(responses=ProposalRow)
    def get(self, request: Request, proposal_id: int) -> Response:
        checked(request.query_params, {})
        mine = Proposal.objects.visible_to(request.user)
        return Response(ProposalRow(get_object_or_404(mine, pk=proposal_id)).data)


def _send(proposal: Proposal) -> None:
    """The row is the wish; a message that is lost is sent again by the sweep."""
    try:
        tasks.optimise.apply_async(kwargs={"proposal_id": proposal.pk}, expires=tasks.OPTIMISE_EXPIRES)
    except OperationalError as problem:
        logger.warning("the broker does not answer; proposal {} waits for the sweep: {}", proposal.pk, problem)
