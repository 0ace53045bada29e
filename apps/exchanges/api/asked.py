"""Which exchange, and which group of accounts, a question names."""

from collections.abc import Mapping

from apps.core.problems import BadParameter
from apps.core.query import Check
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import AccountGroup
from apps.exchanges.services.refusals import known_exchange
from apps.users.models import User, Workspace


def _exchange(value: str) -> str:
    try:
        return known_exchange(value)
    except AccountRefused as refusal:
        raise ValueError(str(refusal)) from None


# One that there is, whether or not anybody here has an account there.
an_exchange = Check(pass_on=_exchange, schema={"type": "string", "description": "ccxt's id: `binance`, `kraken` ..."})


def group_asked(user: User, asked: Mapping[str, str]) -> AccountGroup | None:
    """None where no `group` is named. Raises BadParameter."""
    if "group" not in asked:
        return None
    group = AccountGroup.objects.filter(pk=int(asked["group"]), workspace__in=Workspace.objects.of(user)).first()
    if group is None:
        raise BadParameter("group", "you see no group of this id.")
    return group
