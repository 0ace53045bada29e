from django.urls import path

from apps.ledger.api.views import Positions
from apps.portfolio.api import pnl, proposals

urlpatterns = [
    path("optimise", proposals.Optimise.as_view()),
    path("optimise/<int:proposal_id>", proposals.OneProposal.as_view()),
    path("pnl", pnl.ProfitAndLoss.as_view()),
    path("positions", Positions.as_view()),
]
