"""What was computed, kept: worth over time, and other weights for what is held."""

from apps.portfolio.models.proposals import Proposal, ProposalQuerySet, ProposalState
from apps.portfolio.models.snapshots import AccountWorth, AssetWorth, Snapshot, WalletFlow
from apps.portfolio.models.statements import Statement

__all__ = [
    "AccountWorth",
    "AssetWorth",
    "Proposal",
    "ProposalQuerySet",
    "ProposalState",
    "Snapshot",
    "Statement",
    "WalletFlow",
]
