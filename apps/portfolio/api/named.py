"""The asset that a question about profit names: zeros would look like the profit of one with which there was none."""

from apps.core.problems import BadParameter
from apps.portfolio.services import content
from apps.portfolio.services.content import Content
from apps.portfolio.services.pnl import Pnl
from apps.portfolio.services.statements import Sight

# More than people read.
MOST_TOLD = 20


def asset_of(name: str, sight: Sight) -> str:
    """As the books call it, however it is written; none is none."""
    return name and {asset.casefold(): asset for asset in _assets(content.read(sight.statement))}.get(
        name.casefold(), name
    )


def refuse_unheard(asset: str, told: Pnl) -> None:
    """Raises BadParameter where neither the books nor the balances have it."""
    there = _assets(told.content)
    if asset and asset not in there and not (told.by_asset or told.residues or told.gaps):
        names = f"; there are {', '.join(sorted(there))}" if 0 < len(there) <= MOST_TOLD else ""
        raise BadParameter("asset", f"none of these accounts has had {asset!r}{names}.")


def _assets(kept: Content) -> set[str]:
    return {*kept.held, *(asset for _, asset in kept.moved)}
