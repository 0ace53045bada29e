from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import EMPTY, ReadOnlyAdmin, alarming, short, since
from apps.portfolio.models import Proposal, ProposalState, Statement


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    explanation = (
        "Other weights for what is held, as compute workers calculate them. Losses are workers that died at it."
    )
    list_display = ["strategy", "workspace", "environment", "standing", "asked_by", "asked", "losses"]
    list_filter = ["state", "environment"]
    list_select_related = ["workspace", "asked_by"]
    ordering = ["-pk"]

    @admin.display
    def strategy(self, proposal: Proposal) -> str:
        return proposal.question["strategy"].replace("_", " ")

    @admin.display(ordering="state")
    def standing(self, proposal: Proposal) -> str:
        if proposal.state != ProposalState.FAILED:
            return proposal.state
        return alarming(f"failed: {short(proposal.error)}")

    @admin.display(description="asked", ordering="pk")
    def asked(self, proposal: Proposal) -> str:
        return since(proposal.asked_at)


@admin.register(Statement)
class StatementAdmin(ReadOnlyAdmin):
    explanation = (
        "Profit and loss as it was last calculated. What failed is tried again when somebody asks, later each time."
    )
    list_display = ["books", "workspace", "environment", "standing", "made"]
    list_filter = ["environment", "method"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]
    # Megabytes of numbers that the API tells in words.
    exclude: ClassVar = ["content", "days", "flows"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Statement]:
        return super().get_queryset(request).defer("content", "days", "flows")

    @admin.display(ordering="method")
    def books(self, statement: Statement) -> str:
        return f"{statement.method} in {statement.currency}{', at par' if statement.is_at_par else ''}"

    @admin.display(ordering="failures")
    def standing(self, statement: Statement) -> str:
        if statement.error:
            return alarming(f"failed {statement.failures} times: {short(statement.error)}")
        if statement.begun_at:
            return "being calculated"
        return "kept" if statement.made_at else "asked"

    @admin.display(ordering="made_at")
    def made(self, statement: Statement) -> str:
        return since(statement.made_at) if statement.made_at else EMPTY
