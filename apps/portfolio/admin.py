from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin, alarming, short, since
from apps.portfolio.models import Proposal, ProposalState


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
