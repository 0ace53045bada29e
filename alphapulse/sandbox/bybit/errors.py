"""What Bybit answers when it refuses: HTTP 200 with a code and a sentence, each as Bybit's own.

The same mistake has one code in the derivatives' engine (1100xx) and another in the spot engine (170xxx).
"""


class BybitError(Exception):
    """A refusal; `code` is the answer's retCode and `message` its retMsg."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def bad_parameter(message: str) -> BybitError:
    return BybitError(10001, message)


def missing(name: str) -> BybitError:
    return bad_parameter(f"params error: {name} is required")


def expired_timestamp(sent_ms: int, server_ms: int, window_ms: int) -> BybitError:
    return BybitError(
        10002,
        "invalid request, please check your server timestamp or recv_window param. "
        f"req_timestamp[{sent_ms}],server_timestamp[{server_ms}],recv_window[{window_ms}]",
    )


def invalid_key() -> BybitError:
    return BybitError(10003, "API key is invalid.")


def bad_signature(origin: str) -> BybitError:
    return BybitError(10004, f"error sign! origin_string[{origin}]")


def permission_denied() -> BybitError:
    return BybitError(10005, "Permission denied, please check your API key permissions.")


def too_many_visits() -> BybitError:
    return BybitError(10006, "Too many visits. Exceeded the API Rate Limit.")


def unmatched_ip() -> BybitError:
    return BybitError(10010, "Unmatched IP, please check your API key's bound IP addresses.")


def unknown_path() -> BybitError:
    return BybitError(10017, "request path not found or request method is invalid")


def expired_key() -> BybitError:
    return BybitError(33004, "Your api key has expired.")


def order_not_found(*, spot: bool) -> BybitError:
    return (
        BybitError(170213, "Order does not exist.")
        if spot
        else BybitError(110001, "order not exists or too late to cancel")
    )


def duplicate_link_id(*, spot: bool) -> BybitError:
    return BybitError(170141, "Duplicate clientOrderId") if spot else BybitError(110072, "OrderLinkedID is duplicate")


def insufficient_balance(*, spot: bool) -> BybitError:
    return BybitError(170131, "Insufficient balance.") if spot else BybitError(110007, "ab not enough for new order")


def below_minimum_value(*, spot: bool, minimum: str, coin: str) -> BybitError:
    if spot:
        return BybitError(170140, "Order value exceeded lower limit.")
    return BybitError(110094, f"Order does not meet minimum order value {minimum}{coin}")


def quantity_too_small(*, spot: bool) -> BybitError:
    if spot:
        return BybitError(170136, "Order quantity exceeded lower limit.")
    return bad_parameter("The number of contracts exceeds minimum limit allowed")


def quantity_too_large(*, spot: bool) -> BybitError:
    if spot:
        return BybitError(170135, "Order quantity exceeded upper limit.")
    return bad_parameter("The number of contracts exceeds maximum limit allowed: too large")


def quantity_off_step(*, spot: bool) -> BybitError:
    if spot:
        return BybitError(170137, "Order quantity has too many decimals.")
    return bad_parameter("Qty invalid")


def price_off_tick(*, spot: bool) -> BybitError:
    if spot:
        return BybitError(170134, "Order price has too many decimals.")
    return bad_parameter("params error: Price invalid")


def price_out_of_range(*, spot: bool, too_high: bool) -> BybitError:
    if not spot:
        return BybitError(110003, "Order price exceeds the allowable range.")
    if too_high:
        return BybitError(170132, "Order price too high.")
    return BybitError(170133, "Order price lower than the minimum.")


def reduce_only_refused() -> BybitError:
    return BybitError(110017, "current position is zero, cannot fix reduce-only order qty")


def wrong_position_idx() -> BybitError:
    return bad_parameter("position idx not match position mode")


def unknown_symbol(*, spot: bool, trading: bool) -> BybitError:
    """Orders of the spot engine say it in its own code."""
    if spot and trading:
        return BybitError(170121, "Invalid symbol.")
    return bad_parameter("Not supported symbols" if not trading else "params error: symbol invalid")
