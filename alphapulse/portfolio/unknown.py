"""Why a ratio is not told, in words. Pure."""

from alphapulse.portfolio.performance import DAY, FEWEST, Ratios

NEVER_FELL = "it never fell"


def why_not(ratios: Ratios) -> dict[str, str]:
    """By the name of each ratio that is None."""
    told = {
        "time_weighted": _of_returns(ratios),
        "annual": _of_a_year(ratios),
        "money_weighted": _of_money(ratios),
        "volatility": _of_days(ratios),
        "sharpe": _of_days(ratios) or "its worth never moved",
        "sortino": _of_days(ratios) or "no day was below the riskless rate",
        "calmar": _of_a_year(ratios) or NEVER_FELL,
        "fall": _of_returns(ratios) or NEVER_FELL,
    }
    return {name: why for name, why in told.items() if getattr(ratios, name) is None}


def _of_returns(ratios: Ratios) -> str:
    return "" if len(ratios.indexes) > 1 else "there are not two snapshots of worth in that time"


def _of_a_year(ratios: Ratios) -> str:
    if ratios.annual is not None:
        return ""
    return _of_returns(ratios) or _of_a_span(ratios) or "all was lost, or it is no number"


def _of_money(ratios: Ratios) -> str:
    return (
        _of_returns(ratios)
        or _of_a_span(ratios)
        or "no rate explains what came, went and is there, or more than one does"
    )


def _of_a_span(ratios: Ratios) -> str:
    days = (ratios.indexes[-1].at - ratios.indexes[0].at) / DAY
    return "" if days >= FEWEST else f"it is {days:.1f} days long, and a year's rate is told of {FEWEST}"


def _of_days(ratios: Ratios) -> str:
    known = len(ratios.days)
    return "" if known >= FEWEST else f"the returns of {known} days are known, and {FEWEST} are needed"
