from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.users.models import Membership, User, Workspace


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
class UserAdmin(DjangoUserAdmin):
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


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):
    list_display = ["name", "members", "created_at"]
    search_fields = ["name"]
    ordering = ["name"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("memberships__user")

    def members(self, workspace: Workspace) -> str:
        return ", ".join(f"{member.user} ({member.role})" for member in workspace.memberships.all()) or "-"


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ["user", "workspace", "role"]
    list_editable = ["role"]
    list_filter = ["role"]
    list_select_related = ["user", "workspace"]
    search_fields = ["user__username", "workspace__name"]
    autocomplete_fields = ["user", "workspace"]
    ordering = ["workspace__name", "user__username"]
