from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from alphapulse.resilience.breaker import BreakerState
from apps.core.admin import EMPTY, ListAdmin, ReadOnlyAdmin, alarming, short, since, with_aside
from apps.core.clock import now
from apps.core.durations import counted, utc
from apps.exchanges import budgets, health, keys, services
from apps.exchanges.forms import CREDENTIALS, AccountForm
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import DEFAULT_EGRESS, ExchangeAccount, ExchangeHealth, KeyNotice
from apps.exchanges.services import doubles, key_watch

# A page that asks longer than this would be given up by browsers and proxies.
MOST_CHECKED = 5
# What an account is: another one of these would be another account.
IDENTITY = ["workspace", "exchange_id", "environment"]
# What is known of its key.
FACTS = ["key_in_words", "key_warnings", "whose", "permissions_checked_at"]


class ExchangeAccountAdmin(ListAdmin):
    """Registered by `apps.sync.admin`, which knows how its syncs go and how to ask for one."""

    form = AccountForm
    list_display = ["label", "where", "condition", "key"]
    explanation = (
        "Accounts cannot be deleted here; their owners can, over REST. Disable one to stop its syncs and keep what was "
        "read; "
        "`manage.py remove_account --account LABEL --yes` erases one with its keys and rows."
    )
    list_filter = ["is_enabled", "exchange_id", "environment", "egress"]
    list_select_related = ["workspace", "double_of"]
    search_fields = ["label", "workspace__name", "=exchange_id"]
    autocomplete_fields = ["workspace"]
    ordering = ["workspace__name", "label"]
    actions = ["check_keys", "disable", "enable"]
    fieldsets = [
        (None, {"fields": [*IDENTITY, "label", "egress", "wallets", "history_from"]}),
        ("Credentials", {"fields": [*CREDENTIALS, "may_withdraw"]}),
        ("What the key may do", {"fields": FACTS}),
        ("State", {"fields": ["is_enabled", "disabled_reason", "created_at"]}),
    ]
    facts = [*FACTS, "is_enabled", "disabled_reason", "created_at"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).live()

    def get_fieldsets(self, request: HttpRequest, obj: ExchangeAccount | None = None) -> Any:
        if obj is None:
            return self.fieldsets[:2]
        return [part for part in self.fieldsets if part[0] != "Credentials" or self.has_change_permission(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: ExchangeAccount | None = None) -> list[str]:
        return [*self.facts, *IDENTITY] if obj else self.facts

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @method_decorator(csrf_protect)
    @method_decorator(sensitive_post_parameters(*CREDENTIALS))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Not in Django's transaction around the whole view: the form asks the exchange; the services have theirs."""
        try:
            return self._changeform_view(request, *args, **_with_defaults(args, kwargs))
        except AccountRefused as refusal:  # somebody else was first, between the form's look and the write
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: ExchangeAccount, form: forms.ModelForm, change: bool) -> None:
        at = now()
        if not change:
            services.store_new(obj, form.report, at=at, actor=request.user)
        else:
            changes = {name: getattr(obj, name) for name in ("label", "egress", "wallets", "history_from")}
            services.change_account(obj, **changes, at=at, actor=request.user)
            if form.has_new_credentials:
                was_enabled = obj.is_enabled
                services.store_renewal(obj, form.report, at=at, actor=request.user)
                self._tell_renewal(request, obj, was_enabled)
        for warning in obj.permissions.get("warnings", []) if form.report else []:
            self.message_user(request, warning, messages.WARNING)
        if not obj.is_enabled and not form.has_new_credentials:
            self.message_user(request, f"It is disabled: {obj.disabled_reason}", messages.WARNING)

    def _tell_renewal(self, request: HttpRequest, account: ExchangeAccount, was_enabled: bool) -> None:
        if not account.is_enabled:
            text = f"The new key was accepted; choose Enable to sync again (disabled: {account.disabled_reason})."
            self.message_user(request, text, messages.WARNING)
        elif not was_enabled:
            self.message_user(request, "The new key was accepted: the account is enabled again, and read at once.")
        else:
            self.message_user(request, "The new key was accepted.")

    @admin.display(description="exchange", ordering="exchange_id")
    def where(self, account: ExchangeAccount) -> str:
        egress = "" if account.egress == DEFAULT_EGRESS else f", egress {account.egress}"
        return with_aside(account.exchange_id, f"{account.environment}, {account.workspace}{egress}")

    @admin.display(description="state", ordering="is_enabled")
    def condition(self, account: ExchangeAccount) -> str:
        return "enabled" if account.is_enabled else alarming(f"DISABLED: {short(account.disabled_reason)}")

    def key(self, account: ExchangeAccount) -> str:
        if account.permissions.get("can_withdraw"):
            return alarming("may WITHDRAW")
        if account.double_of:
            return alarming(f"NOT COUNTED: same account as {account.double_of.label}")
        if key_watch.expires_soon(account, now()):
            return alarming(f"expires {since(account.key_expires_at)}")
        return f"checked {since(account.permissions_checked_at)}" if account.permissions else "not checked yet"

    @admin.display(description="it")
    def key_in_words(self, account: ExchangeAccount) -> str:
        return format_html_join("\n", "{}<br>", ((line,) for line in keys.in_words(account.permissions)))

    @admin.display(description="warnings")
    def key_warnings(self, account: ExchangeAccount) -> str:
        warnings = account.permissions.get("warnings", [])
        return format_html_join("\n", "{}<br>", ((alarming(line),) for line in warnings)) or EMPTY

    @admin.display(description="account at the exchange")
    def whose(self, account: ExchangeAccount) -> str:
        number = account.exchange_uid or "not known"
        return alarming(f"{number}: {doubles.why_not_counted(account)}") if account.double_of else number

    @admin.action(description="Disable: stop all syncs", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[ExchangeAccount]) -> None:
        reason, at = f"by {request.user} in the admin", now()
        done = [services.disable_account(account, reason=reason, at=at, actor=request.user) for account in queryset]
        self._tell(request, done, "disabled")

    @admin.action(description="Enable: sync again", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[ExchangeAccount]) -> None:
        at, done = now(), []
        for account in queryset:
            try:
                done.append(services.enable_account(account, at=at, actor=request.user))
            except AccountRefused as refusal:
                self.message_user(request, f"{account}: {refusal}", messages.ERROR)
        self._tell(request, done, "enabled")

    @admin.action(description="Check the keys: what may they do?", permissions=["change"])
    def check_keys(self, request: HttpRequest, queryset: QuerySet[ExchangeAccount]) -> None:
        if len(queryset) > MOST_CHECKED:
            text = f"Each is a question to an exchange, one after the other: choose {MOST_CHECKED} at most."
            self.message_user(request, text, messages.ERROR)
            return
        for account in queryset:
            try:
                services.check_key(account, actor=request.user)
            except AccountRefused as refusal:
                self.message_user(request, f"{account}: {refusal}", messages.ERROR)
                continue
            self.message_user(request, f"{account}: the key {', '.join(keys.in_words(account.permissions))}.")
            for warning in account.permissions["warnings"]:
                self.message_user(request, f"{account}: {warning}", messages.WARNING)

    def _tell(self, request: HttpRequest, done: list[bool], word: str) -> None:
        left = len(done) - sum(done)
        others = f" ({left} {'was' if left == 1 else 'were'} already)" if left else ""
        self.message_user(request, f"{counted(sum(done), 'account')} {word}{others}.")


def tell_resets(modeladmin: admin.ModelAdmin, request: HttpRequest, rows: list[ExchangeHealth], at: datetime) -> None:
    banned = [row for row in rows if row.banned_until and row.state(at) is BreakerState.BANNED]
    for row in banned:
        text = f"{row}: banned until {utc(row.banned_until)}. A ban is left alone: asking earlier makes it longer."
        modeladmin.message_user(request, text, messages.WARNING)
    if done := len(rows) - len(banned):
        text = f"{counted(done, 'breaker')} reset: what is due there is asked for again."
        modeladmin.message_user(request, text)


def _with_defaults(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """`_changeform_view` wants all that `changeform_view` has defaults for."""
    names = ("object_id", "form_url", "extra_context")[len(args) :]
    return dict(zip(names, (None, "", None)[len(args) :], strict=True)) | kwargs


@admin.register(ExchangeHealth)
class ExchangeHealthAdmin(ReadOnlyAdmin):
    """No row: the exchange has never been in trouble."""

    list_display = ["lane", "state", "failures", "budget", "trouble", "changed"]
    list_filter = ["exchange_id", "environment", "egress"]
    ordering = ["exchange_id", "environment", "egress"]
    actions = ["reset_breaker"]
    explanation = "Exchanges that are, or were, in trouble. One without a row is healthy: none at all is good news."

    @admin.display(description="exchange", ordering="exchange_id")
    def lane(self, row: ExchangeHealth) -> str:
        return with_aside(row.exchange_id, f"{row.environment}, egress {row.egress}")

    def state(self, row: ExchangeHealth) -> str:
        state = row.state(now())
        if state is BreakerState.BANNED and row.banned_until:
            return alarming(f"banned until {utc(row.banned_until)}")
        return state if state is BreakerState.CLOSED else alarming(state)

    @admin.display(description="budget used")
    def budget(self, row: ExchangeHealth) -> str:
        lane = {"exchange_id": row.exchange_id, "environment": row.environment, "egress": row.egress}
        spent = budgets.spent_by(**lane, now=now()).items()
        used = ((quota, EMPTY if used is None else used, limit) for quota, (used, limit) in spent)
        return format_html_join(", ", "{} {} of {}", used)

    @admin.display(description="error", ordering="error")
    def trouble(self, row: ExchangeHealth) -> str:
        return short(row.error) or EMPTY

    @admin.display(ordering="changed_at")
    def changed(self, row: ExchangeHealth) -> str:
        return since(row.changed_at)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("exchanges.change_exchangehealth")

    @admin.action(description="Reset breaker: ask the exchange again now", permissions=["reset"])
    def reset_breaker(self, request: HttpRequest, queryset: QuerySet[ExchangeHealth]) -> None:
        at = now()
        rows = [health.reset(row, at=at, actor=request.user) for row in queryset]
        tell_resets(self, request, rows, at)


@admin.register(KeyNotice)
class KeyNoticeAdmin(ReadOnlyAdmin):
    list_display = ["account", "kind", "opened", "closed", "message"]
    list_filter = ["kind", ("closed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["account"]
    ordering = ["-opened_at", "-pk"]
    explanation = (
        "What owners should know of their keys: that one expires, may withdraw, or is of an account that is read by "
        "another key. Asked for every day."
    )

    @admin.display(ordering="opened_at")
    def opened(self, notice: KeyNotice) -> str:
        return since(notice.opened_at)

    @admin.display(ordering="closed_at")
    def closed(self, notice: KeyNotice) -> str:
        return since(notice.closed_at) if notice.closed_at else alarming("OPEN")
