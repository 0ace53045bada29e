"""/v5/market/instruments-info and risk-limit: what is listed and under which filters."""

from decimal import Decimal

from alphapulse.money import plain
from alphapulse.sandbox.bybit.asks import Ask
from alphapulse.sandbox.bybit.listings import Listing
from alphapulse.sandbox.bybit.paging import page
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.margin import Bracket, brackets_up_to
from alphapulse.sandbox.prices import LISTED_MS

FUNDING_MINUTES = 480
INVERSE_MOST = Decimal(1_000_000)

Row = dict[str, object]


def instruments_info(ask: Ask) -> Row:
    category = ask.params.category()
    if ask.params.text("status") not in (None, "Trading"):
        return {"category": category, "list": [], "nextPageCursor": ""}
    listings = list(ask.listings.asked_for(ask.params))
    if category is Category.SPOT:
        return {"category": category, "list": [_spot(listing) for listing in listings]}
    places = {listing.symbol: len(listings) - number for number, listing in enumerate(listings)}
    found = page(listings, ask.params, key=lambda listing: places[listing.symbol], default=500, most=1000)
    rows = [_contract(listing) for listing in found.rows]
    return {"category": category, "list": rows, "nextPageCursor": found.cursor}


def risk_limit(ask: Ask) -> Row:
    listings = [listing for listing in ask.listings.asked_for(ask.params) if not listing.is_spot]
    places = {listing.symbol: len(listings) - number for number, listing in enumerate(listings)}
    found = page(listings, ask.params, key=lambda listing: places[listing.symbol], default=15, most=15)
    rows = [_risk(listing, bracket) for listing in found.rows for bracket in brackets(listing)]
    return {"category": ask.params.category(), "list": rows, "nextPageCursor": found.cursor}


def brackets(listing: Listing) -> tuple[Bracket, ...]:
    return brackets_up_to(listing.market.max_leverage)


def _spot(listing: Listing) -> Row:
    market = listing.market
    return {
        "symbol": listing.symbol,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(market.step),
            "quotePrecision": plain(market.tick * market.step),
            "minOrderQty": plain(market.min_amount),
            "maxOrderQty": plain(market.max_amount),
            "minOrderAmt": plain(market.min_notional),
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": plain(market.tick)},
        "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.05"},
    }


def _contract(listing: Listing) -> Row:
    market = listing.market
    return {
        "symbol": listing.symbol,
        "contractType": listing.contract_type,
        "status": "Trading",
        "baseCoin": market.base,
        "quoteCoin": listing.quote,
        "launchTime": str(LISTED_MS),
        "deliveryTime": str(market.delivery_ms),
        "deliveryFeeRate": "0.0005" if market.delivery_ms else "",
        "priceScale": str(market.price_digits),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": f"{market.max_leverage}.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": plain(market.tick),
            "maxPrice": plain(market.tick * 20_000_000),
            "tickSize": plain(market.tick),
        },
        "lotSizeFilter": _contract_lots(listing),
        "unifiedMarginTrade": True,
        "fundingInterval": 0 if market.delivery_ms else FUNDING_MINUTES,
        "settleCoin": listing.settle,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
    }


def _contract_lots(listing: Listing) -> Row:
    market = listing.market
    if listing.is_inverse:
        most, least, step, value = INVERSE_MOST, Decimal(1), Decimal(1), ""
    else:
        most, least, step = market.max_amount, market.min_amount, market.step
        value = plain(market.min_notional)
    return {
        "maxOrderQty": plain(most),
        "minOrderQty": plain(least),
        "qtyStep": plain(step),
        "postOnlyMaxOrderQty": plain(most),
        "maxMktOrderQty": plain(most / 10),
        "minNotionalValue": value,
    }


def _risk(listing: Listing, bracket: Bracket) -> Row:
    return {
        "id": bracket.number + listing.market.index * 100,
        "symbol": listing.symbol,
        "riskLimitValue": plain(bracket.cap),
        "maintenanceMargin": plain(bracket.rate),
        "initialMargin": plain((Decimal(1) / bracket.max_leverage).quantize(Decimal("0.0001"))),
        "isLowestRisk": int(bracket.number == 1),
        "maxLeverage": f"{bracket.max_leverage}.00",
        "mmDeduction": plain(bracket.cum),
    }
