"""What a workspace was worth, and when. Written by `services.snapshots`; `services.purged` takes out what is purged."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.db import models

from alphapulse.portfolio.valuation import summed
from apps.core.money_field import MoneyField
from apps.exchanges.models import Environment, ExchangeAccount
from apps.users.models import Workspace


class Snapshot(models.Model):
    """The worth of all accounts of a workspace in one environment, in `currency`; `rates` say what one of it was.

    `total` is what could be priced, marked where it is not all (`is_complete`). `equity` is the sum of its accounts',
    null where one of them is in doubt: a curve through it has no jump where only our knowledge changed.
    Both are null where there is something, and nothing of it has a price.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="snapshots")
    environment = models.CharField(max_length=10, choices=Environment)
    taken_at = models.DateTimeField()
    currency = models.CharField(max_length=40)
    total = MoneyField(null=True)
    equity = MoneyField(null=True)
    is_complete = models.BooleanField()
    # Currency -> what one `currency` was worth in it, as plain text: money is made from strings.
    rates = models.JSONField(default=dict)
    # Ids of accounts: what could not be read at all, and what is of earlier.
    failed = models.JSONField(default=list)
    stale = models.JSONField(default=list)
    # Assets without any price, now or before: no part of `equity`.
    unpriced = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "environment", "taken_at"], name="one_snapshot_at_a_time")
        ]

    def __str__(self) -> str:
        return f"{self.workspace} ({self.environment}) at {self.taken_at:%Y-%m-%d %H:%M:%S}"


class AccountWorth(models.Model):
    """One account's part of a snapshot, in its currency.

    `equity` bridges what had no price at that moment with the last one known. What it is without is in `lacks` (see
    `services.lacking`), and is added when it becomes known.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="accounts")
    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="+")
    total = MoneyField(null=True)
    equity = MoneyField(null=True)
    is_complete = models.BooleanField()
    lacks = models.JSONField(default=dict)
    # It lacks something only lately, and the rest moved: no number is its equity then, and none a sum that it is in.
    is_in_doubt = models.BooleanField(default=False)
    # What each of its wallets is of it, and lacks (see `services.wallets`): of the newest look alone, for the next one
    # to compare with. None: nobody knows.
    wallets = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snapshot", "account"], name="one_worth_per_account")]

    def __str__(self) -> str:
        return f"{self.account} of {self.snapshot}"


def equity_of(accounts: Sequence[AccountWorth]) -> Decimal | None:
    """A snapshot's, of its parts: None where one is in doubt, or there are some and nothing is known of any."""
    known = [each.equity for each in accounts if each.equity is not None]
    if any(each.is_in_doubt for each in accounts) or (accounts and not known):
        return None
    return summed(known)


class WalletFlow(models.Model):
    """A wallet that was counted for the first time in a snapshot, or (`is_out`) not any more: no gain, and no loss.

    `worth` is what it was worth then, or at the last look that counted it, and `lacks` what that is without.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="wallet_flows")
    account = models.ForeignKey(ExchangeAccount, on_delete=models.CASCADE, related_name="+")
    # With its kind: "balances of spot".
    wallet = models.CharField(max_length=60)
    is_out = models.BooleanField(default=False)
    worth = MoneyField()
    lacks = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snapshot", "account", "wallet"], name="one_flow_per_wallet")]

    def __str__(self) -> str:
        return f"{self.wallet} {'out of' if self.is_out else 'into'} {self.snapshot}"


class AssetWorth(models.Model):
    """One asset's part of a snapshot, over all accounts: `amount` in the asset, `value` in the snapshot's currency."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="assets")
    asset = models.CharField(max_length=40)
    amount = MoneyField()
    # None: no price, and none known from before.
    value = MoneyField(null=True)
    # Of one: what debts and holdings that cancel out have, too, and dust.
    price = MoneyField(null=True)
    is_bridged = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snapshot", "asset"], name="one_worth_per_asset")]

    def __str__(self) -> str:
        return f"{self.asset} of {self.snapshot}"
