"""Adding an account, and changing one: views, commands and the sync only translate to these.

The network comes first, the transaction after it, the announcement on commit.
"""

from apps.exchanges.services.accounts import add_account, archive_account, change_account, draft, store_new
from apps.exchanges.services.credentials import check_key, draft_renewal, renew_credentials, store_renewal
from apps.exchanges.services.refusals import refuse_impossible_start, refuse_unknown_wallets
from apps.exchanges.services.switch import disable_account, enable_account, reject_key

__all__ = [
    "add_account",
    "archive_account",
    "change_account",
    "check_key",
    "disable_account",
    "draft",
    "draft_renewal",
    "enable_account",
    "refuse_impossible_start",
    "refuse_unknown_wallets",
    "reject_key",
    "renew_credentials",
    "store_new",
    "store_renewal",
]
