"""Which asset a code means, and what fiat money costs where no market says it."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from alphapulse.market import ecb
from alphapulse.market.aliases import Alias, Aliases
from apps.core.upsert import upsert
from apps.market.models import Asset, AssetAlias, FiatRate

# What is older is no rate that anybody asks for.
LOOKED_BACK = timedelta(days=30)


def known_aliases() -> Aliases:
    """As the admin's rows say it. One query."""
    rows = AssetAlias.objects.values_list(
        "exchange_id", "code", "asset__code", "multiplier", "valid_from", "valid_to"
    ).order_by("pk")
    return Aliases(
        Alias(exchange_id=exchange_id, code=code, asset=asset, multiplier=number, valid_from=begin, valid_to=end)
        for exchange_id, code, asset, number, begin, end in rows
    )


def pegs() -> dict[str, str]:
    """Stablecoin -> the currency that it promises to be worth."""
    return dict(Asset.objects.exclude(pegged_to="").values_list("code", "pegged_to"))


def store_fiat_rates(day: date, rates: Mapping[str, Decimal]) -> int:
    """What one euro cost, by the ECB. Returns how many rates are new or another."""
    row = {"source": ecb.SOURCE, "base": ecb.BASE, "published_on": day.isoformat()}
    rows = [row | {"currency": currency, "rate": rate} for currency, rate in rates.items()]
    return upsert(FiatRate, rows, key=("source", "base", "currency", "published_on"))


def newest_fiat_rates(today: date) -> list[FiatRate]:
    """Of each currency the last that was published until then: what a day's file leaves out has the one before.

    Within a month; how old one may be is for its reader to say.
    """
    rows = FiatRate.objects.filter(published_on__range=(today - LOOKED_BACK, today)).order_by("published_on", "pk")
    return list({(row.source, row.base, row.currency): row for row in rows}.values())
