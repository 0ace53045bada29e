from django.urls import path

from apps.portfolio.api import performance, pnl, proposals
from apps.portfolio.api.positions import ValuedPositions
from apps.portfolio.api.worth import Allocation, History, Summary

urlpatterns = [
    path("allocation", Allocation.as_view()),
    path("history", History.as_view()),
    path("optimise", proposals.Optimise.as_view()),
    path("optimise/<int:proposal_id>", proposals.OneProposal.as_view()),
    path("performance", performance.HowItWent.as_view()),
    path("pnl", pnl.ProfitAndLoss.as_view()),
    path("positions", ValuedPositions.as_view()),
    path("summary", Summary.as_view()),
]
