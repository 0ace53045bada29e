"""The admin's form of an account: its keys go in and never come out."""

from typing import Any

from django import forms

from alphapulse.types import Credentials, KeyReport
from apps.core.clock import now
from apps.exchanges import keys, services
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import doubles

CREDENTIALS = ("api_key", "secret", "password")


class _WriteOnly(forms.CharField):
    """Shown as dots while typed, never filled in again, kept out of the browser's password store."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "size": 60})
        super().__init__(required=False, widget=widget, **kwargs)


class WalletsField(forms.CharField):
    """A list in the row, names and commas for people."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        return [name.strip() for name in str(value or "").split(",") if name.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class AccountForm(forms.ModelForm):
    """`report` is what the exchange said of new keys while the form was checked: the network before the rows."""

    api_key = _WriteOnly(label="API key")
    secret = _WriteOnly()
    password = _WriteOnly(help_text="the passphrase, where the exchange has one (OKX, KuCoin)")
    may_withdraw = forms.BooleanField(
        required=False,
        label="It may withdraw",
        help_text="store the key even if it has that right: whoever steals such a key has the money",
    )
    wallets = WalletsField(required=False, help_text="the wallets to keep in sync, with commas; empty: all of them")

    report: KeyReport | None = None

    class Meta:
        model = ExchangeAccount
        fields = ["workspace", "exchange_id", "environment", "egress", "label", "wallets", "history_from"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in CREDENTIALS:
                self.fields[name].help_text = "Kept as it is while these are empty. A stored key is never shown."

    @property
    def has_new_credentials(self) -> bool:
        return any(self.cleaned_data.get(name) for name in CREDENTIALS)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            self._check()
        except AccountRefused as refusal:
            self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))
        return cleaned

    def _check(self) -> None:
        given = self.cleaned_data
        if self.instance.pk is None:
            named = {name: given[name] for name in ("workspace", "exchange_id", "label", "environment", "egress")}
            self.instance = services.draft(**named, credentials=self._credentials())
            # The exchange's id as we spell it; the form copies its own values into the instance after this.
            given["exchange_id"] = self.instance.exchange_id
        services.refuse_unknown_wallets(self.instance.exchange_id, given["wallets"])
        services.refuse_impossible_start(given["history_from"], now())
        if self.instance.pk is None or self.has_new_credentials:
            self._check_key()

    def _check_key(self) -> None:
        self.instance.egress = self.cleaned_data["egress"]
        if self.instance.pk is not None:
            services.draft_renewal(self.instance, self._credentials())
        report = keys.check(self.instance)
        keys.refuse_withdrawals(report, may_withdraw=self.cleaned_data["may_withdraw"])
        self._refuse_doubles(report)
        self.report = report

    def _refuse_doubles(self, report: KeyReport) -> None:
        """As who stores it will, but while the form can still say so."""
        known, self.instance.exchange_uid = self.instance.exchange_uid, keys.uid_of(report)
        self.instance.wallets = self.cleaned_data["wallets"]
        if self.instance.exchange_uid != known:
            doubles.refuse(self.instance)

    def _credentials(self) -> Credentials:
        return Credentials(**{name: self.cleaned_data.get(name) or "" for name in CREDENTIALS})
