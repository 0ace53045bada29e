"""Adds an account by the admin's form, as the user `demo`, and prints the page: `fill_form PASSWORD FIELDS`."""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.users.models import Workspace  # noqa: E402


def main(password: str, fields: dict[str, str]) -> None:
    client = Client(SERVER_NAME="localhost")
    assert client.login(username="demo", password=password)
    whose = {"workspace": Workspace.objects.get(name="demo").pk, "environment": "live", "egress": "default"}
    answer = client.post(reverse("admin:exchanges_exchangeaccount_add"), whose | fields, follow=True)
    print(answer.status_code, answer.content.decode())


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
