"""The shapes of what is said about worth."""

from rest_framework import serializers

from apps.exchanges.models import Environment
from apps.ledger.api.rows import Money
from apps.portfolio.services.parts import By


class UnpricedRow(serializers.Serializer):
    asset = serializers.CharField(help_text="or a position's symbol")
    reason = serializers.CharField()


class AccountTroubleRow(serializers.Serializer):
    account_id = serializers.IntegerField()
    account = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())


class AccountPart(serializers.Serializer):
    account_id = serializers.IntegerField()
    account = serializers.CharField()
    exchange_id = serializers.CharField()
    workspace_id = serializers.IntegerField()
    total = Money()
    complete = serializers.BooleanField()


class GroupPart(serializers.Serializer):
    group_id = serializers.IntegerField()
    group = serializers.CharField()
    total = Money()
    complete = serializers.BooleanField()


class WorkspacePart(serializers.Serializer):
    workspace_id = serializers.IntegerField()
    workspace = serializers.CharField()
    total = Money()
    complete = serializers.BooleanField()


class WorthRow(serializers.Serializer):
    environment = serializers.ChoiceField(Environment.choices)
    currency = serializers.CharField()
    at = serializers.DateTimeField()
    total = Money(help_text="of what has a price; null: nothing has")
    complete = serializers.BooleanField(help_text="false: something failed, is stale or has no price, and is named")
    unpriced = UnpricedRow(many=True)
    failed = AccountTroubleRow(
        many=True, help_text="never read, or another account counts it, by another key: what they have is in no total"
    )
    stale = AccountTroubleRow(many=True, help_text="their last good rows count")


class WorthSummaryRow(WorthRow):
    accounts = AccountPart(many=True)
    groups = GroupPart(many=True)
    workspaces = WorkspacePart(many=True)


class StepRow(serializers.Serializer):
    base = serializers.CharField()
    quote = serializers.CharField()
    rate = Money()
    source = serializers.CharField()
    as_of = serializers.DateTimeField()


class AssetPriceRow(serializers.Serializer):
    exchange_id = serializers.CharField(help_text="where it is held: that market comes first")
    value = Money()
    sources = serializers.ListField(child=serializers.CharField(), help_text="exchanges, `ecb`, or `par`")
    as_of = serializers.DateTimeField(allow_null=True, help_text="its oldest step's")
    age_seconds = serializers.IntegerField(allow_null=True)
    path = StepRow(many=True)


class ShareRow(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    amount = Money(help_text="of an asset alone")
    value = Money()
    share = Money(help_text="of the total; null where that is not above zero")
    complete = serializers.BooleanField()
    prices = AssetPriceRow(many=True)


class AllocationRow(WorthRow):
    by = serializers.ChoiceField([each.value for each in By])
    parts = ShareRow(many=True)


class EquityPointRow(serializers.Serializer):
    at = serializers.DateTimeField()
    value = Money()
    complete = serializers.BooleanField()


class EquityCurveRow(serializers.Serializer):
    environment = serializers.ChoiceField(Environment.choices)
    currency = serializers.CharField()
    points = EquityPointRow(many=True)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="why there are no points")
