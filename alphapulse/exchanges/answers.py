"""Is a decoded answer what was asked for? An error page that decodes to `{}` must not look like "nothing there"."""

from collections.abc import Mapping

from alphapulse.exchanges.errors import BadResponse


def rows_in(answer: object, where: str) -> object:
    """The list or mapping of rows in an answer. Raises BadResponse where there is none.

    `where` is a path that ends in `[]` for a list or `{}` for a mapping (`"result.list[]"`, `"[]"`, `"result{}"`), in
    neither where both occur. Empty, for exchanges that nobody has described: a list, or a mapping that is not empty.
    """
    if not where:
        if isinstance(answer, list) or (isinstance(answer, Mapping) and answer):
            return _each(answer)
        raise BadResponse("The answer is empty.")
    if not where.endswith(("[]", "{}")):
        return _either(answer, where)
    path, expected = where[:-2], list if where.endswith("[]") else Mapping
    node = at(answer, path)
    if not isinstance(node, expected):
        raise BadResponse(f"The answer has no {'list' if expected is list else 'mapping'} at {path or 'its top'}.")
    return _each(node)


def _either(answer: object, path: str) -> object:
    node = at(answer, path)
    if not isinstance(node, list | Mapping):
        raise BadResponse(f"The answer has no rows at {path}.")
    return _each(node)


def _each(rows: object) -> object:
    # ccxt reads a null in a list as a row of nothing, and leaves it out.
    if isinstance(rows, list) and not all(isinstance(row, Mapping | list) for row in rows):
        raise BadResponse("The answer's list has something in it that is no row.")
    return rows


# Where exchanges that nobody has described keep what was asked for.
_DATA_NAMES = frozenset(
    {
        *("data", "result", "results", "list", "lists", "rows", "items", "records", "payload", "response"),
        *("balance", "balances", "account", "accounts", "asset", "assets", "wallet", "wallets", "currencies", "coins"),
        *("orders", "open", "positions"),
    }
)
_TROUBLE_NAMES = frozenset({"error", "errors", "warning", "warnings", "messages", "details"})
_FAILED = frozenset({"error", "fail", "failed", "failure", "err"})
_DEEPEST = 4


def may_be_empty(answer: object) -> bool:
    """Whether an answer that nobody has described can mean "nothing there": it has a place for rows.

    `{"status": "error", "message": "maintenance"}` with status 200 has none.
    """
    if isinstance(answer, Mapping) and (
        answer.get("success") is False or str(answer.get("status")).lower() in _FAILED or answer.get("error")
    ):
        return False
    return _has_place(answer, _DEEPEST)


def _has_place(node: object, depth: int) -> bool:
    if isinstance(node, list):
        return True
    if not isinstance(node, Mapping) or not depth:
        return False
    named = ((str(name).lower(), value) for name, value in node.items())
    return any(
        (isinstance(value, Mapping) and name in _DATA_NAMES) or _has_place(value, depth - 1)
        for name, value in named
        if name not in _TROUBLE_NAMES
    )


def at(answer: object, path: str) -> object:
    """What lies at a dotted path, None where there is nothing; numbers index lists: `"result.list.0.coin"`."""
    node: object = answer
    for name in path.split(".") if path else ():
        if isinstance(node, list):
            node = node[int(name)] if name.isdigit() and int(name) < len(node) else None
        elif isinstance(node, Mapping):
            node = node.get(name)
        else:
            return None
    return node
