from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.audit.admin import AuditedAdmin
from apps.core.admin import ReadOnlyAdmin, since, with_aside
from apps.core.clock import now
from apps.core.durations import counted, utc
from apps.users.forms import LockingLoginForm
from apps.users.models import (
    ApiToken,
    EndReason,
    Invitation,
    LoginFailures,
    Membership,
    Session,
    User,
    UserSettings,
    Workspace,
)
from apps.users.services import api_tokens, lockout, sessions

admin.site.login_form = LockingLoginForm


class MembershipInline(admin.TabularInline):
    """Read-only: each row's own list of users would be a query a row. Change them on the memberships' page."""

    model = Membership
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "workspace")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewUserForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User

    def clean_username(self) -> str:
        username: str = super().clean_username()
        if Workspace.objects.filter(name=username).exists():
            raise ValidationError("A workspace has this name already; a user's own workspace takes the user's name.")
        return username


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    add_form = NewUserForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    inlines = [MembershipInline]

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        # A new user's own workspace is made with it.
        return self.inlines if obj else []

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            obj.give_own_workspace()


# Django's own page of groups writes nothing down.
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    pass


@admin.register(Workspace)
class WorkspaceAdmin(AuditedAdmin):
    list_display = ["name", "members", "created_at"]
    search_fields = ["name"]
    ordering = ["name"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("memberships__user")

    def members(self, workspace: Workspace) -> str:
        return ", ".join(f"{member.user} ({member.role})" for member in workspace.memberships.all()) or "-"


@admin.register(Membership)
class MembershipAdmin(AuditedAdmin):
    list_display = ["user", "workspace", "role"]
    list_editable = ["role"]
    list_filter = ["role"]
    list_select_related = ["user", "workspace"]
    search_fields = ["user__username", "workspace__name"]
    autocomplete_fields = ["user", "workspace"]
    ordering = ["workspace__name", "user__username"]


@admin.register(UserSettings)
class UserSettingsAdmin(AuditedAdmin):
    list_display = ["user", "base_currency", "stablecoins_at_par", "time_zone", "number_format"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    autocomplete_fields = ["user"]
    ordering = ["user__username"]


@admin.register(LoginFailures)
class LoginFailuresAdmin(ReadOnlyAdmin):
    list_display = ["what", "attempts", "since", "locked_until"]
    search_fields = ["what"]
    ordering = ["-since"]
    actions = ["forget"]
    explanation = "Where guesses may come from. A lock ends by itself within minutes; forgetting it ends it now."

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("users.delete_loginfailures")

    @admin.action(description="Forget: they may try again now", permissions=["forget"])
    def forget(self, request: HttpRequest, queryset: QuerySet[LoginFailures]) -> None:
        lockout.forget(queryset, actor=request.user, at=now())
        self.message_user(request, "Forgotten.")


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Its tokens are nowhere: what is kept is how many there were."""

    list_display = ["whose", "where", "begun", "seen", "state"]
    list_filter = ["ended_why"]
    list_select_related = ["user"]
    search_fields = ["user__username", "=address"]
    ordering = ["-pk"]
    actions = ["end"]
    fields = ["user", "user_agent", "address", "created_at", "seen_at", "expires_at", "ended_at", "ended_why"]
    explanation = "Logins over the API; the admin's own are cookies, and end with the password or the user."

    @admin.display(description="user", ordering="user__username")
    def whose(self, session: Session) -> str:
        return str(session.user)

    @admin.display(description="from", ordering="address")
    def where(self, session: Session) -> str:
        return with_aside(session.address or "somewhere", session.user_agent)

    @admin.display(ordering="created_at")
    def begun(self, session: Session) -> str:
        return since(session.created_at)

    @admin.display(description="last seen", ordering="seen_at")
    def seen(self, session: Session) -> str:
        return since(session.seen_at)

    @admin.display(ordering="ended_at")
    def state(self, session: Session) -> str:
        if session.ended_at:
            return with_aside(session.ended_why, utc(session.ended_at))
        return "expired" if session.expires_at <= now() else "open"

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("users.change_session")

    @admin.action(description="End: their tokens open nothing any more", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        at = now()
        for session in queryset.select_related("user"):
            sessions.end(session, why=EndReason.REVOKED, actor=request.user, at=at)
        self.message_user(request, f"{counted(len(queryset), 'session')} ended.")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["name", "whose", "good_for", "used", "state"]
    list_select_related = ["user"]
    search_fields = ["user__username", "name", "=prefix"]
    ordering = ["-pk"]
    actions = ["revoke"]
    fields = ["user", "name", "prefix", "scopes", "created_at", "expires_at", "used_at", "used_from", "revoked_at"]
    explanation = "Personal tokens are made by their users, over the API; none can be shown again."

    @admin.display(description="user", ordering="user__username")
    def whose(self, token: ApiToken) -> str:
        return str(token.user)

    @admin.display(description="scopes")
    def good_for(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="last used", ordering="used_at")
    def used(self, token: ApiToken) -> str:
        return with_aside(since(token.used_at), token.used_from or "")

    @admin.display(ordering="revoked_at")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return with_aside("revoked", utc(token.revoked_at))
        return with_aside("expired" if token.expires_at <= now() else "open", utc(token.expires_at))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("users.change_apitoken")

    @admin.action(description="Revoke: it opens nothing any more", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        at = now()
        done = sum(api_tokens.revoke(token, actor=request.user, at=at) for token in queryset)
        self.message_user(request, f"{counted(done, 'token')} revoked.")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["workspace", "role", "note", "invited_by", "created_at", "expires_at", "accepted_by"]
    list_select_related = ["workspace", "invited_by", "accepted_by"]
    search_fields = ["workspace__name", "note"]
    ordering = ["-pk"]
    exclude = ["digest"]
