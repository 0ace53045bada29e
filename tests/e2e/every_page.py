"""Prints every page of the admin and every answer of the API, as the user `demo` gets them: `every_page PASSWORD`."""

import os
import sys
from collections.abc import Iterator

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib import admin  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

API = (
    "/api/exchange/balance",
    "/api/exchange/orders",
    "/api/exchange/trades",
    "/api/exchange/transfers",
    "/api/exchange/funding",
    "/api/exchange/ledger",
    "/api/exchange/history",
    "/api/portfolio/positions",
    "/api/system/status",
)
ROWS = 30


def admin_pages() -> Iterator[str]:
    yield "/admin/"
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"admin:{name}_changelist")
        for row in model._default_manager.order_by("-pk")[:ROWS]:
            yield reverse(f"admin:{name}_change", args=[row.pk])
            yield reverse(f"admin:{name}_history", args=[row.pk])


def show(path: str, answer) -> None:
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    print(f"=== {path}")
    print(answer.content.decode())


def main(password: str) -> None:
    client = Client(SERVER_NAME="localhost")
    assert client.login(username="demo", password=password)
    for path in admin_pages():
        show(path, client.get(path))
    told = client.post("/api/user/login", {"username": "demo", "password": password}, "application/json")
    headers = {"Authorization": f"Bearer {told.json()['access']}"}
    for path in API:
        show(path, client.get(path, headers=headers))


if __name__ == "__main__":
    main(sys.argv[1])
