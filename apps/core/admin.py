"""What the admin's pages share."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alphapulse.money import plain
from apps.core.clock import now
from apps.core.durations import ago, with_readable_times

admin.site.site_header = admin.site.site_title = "AlphaPulse"
admin.site.index_title = "What the exchanges say, and how we keep up with them"

EMPTY = "-"
ERROR_LENGTH = 110


class ListAdmin(admin.ModelAdmin):
    """Lists that fit; `explanation` stands above them, for what a reader could wonder about."""

    change_list_template = "admin/explained_list.html"
    explanation = ""

    class Media:
        css: ClassVar = {"all": ["core/admin.css"]}


class ReadOnlyAdmin(ListAdmin):
    """Rows that nobody makes, changes or deletes by hand: what exchanges say, and what happened."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def money(name: str) -> Callable[[models.Model], str]:
    """A list column: the amount as a plain decimal, sortable."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def column(row: models.Model) -> str:
        amount: Decimal | None = getattr(row, name)
        return EMPTY if amount is None else plain(amount)

    column.__name__ = f"plain_{name}"
    return column


def with_aside(text: str, aside: str) -> SafeString:
    """Two lines of a cell: what it is, and smaller what one may want to know of it."""
    return format_html('{}<span class="aside">{}</span>', text, aside)


def linked(row: models.Model, text: str) -> SafeString:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[row.pk]), text)


def short(text: str) -> str:
    """The start of an error, cut at a word; the row's page has all of it."""
    text = with_readable_times(text)
    if len(text) <= ERROR_LENGTH:
        return text
    return f"{text[:ERROR_LENGTH].rsplit(' ', 1)[0].rstrip(' ,;:(')} ..."


def since(moment: datetime | None) -> str:
    return ago(moment, now())


def alarming(text: str) -> SafeString:
    return format_html('<strong class="alarming">{}</strong>', text)


def freshness(as_of: datetime | None, stale_reason: str) -> str:
    """How old a row is; a stale one stands out and says why."""
    if not stale_reason:
        return since(as_of)
    return alarming(f"STALE, {since(as_of)}: {short(stale_reason)}")
