"""Django's own checks, with everything in place that only the web process loads."""

from django.contrib import admin
from django.core import checks

from config.urls import urlpatterns


def test_the_admins_pages_are_found_and_sound():
    assert urlpatterns
    assert len(admin.site._registry) > 10
    assert checks.run_checks(tags=[checks.Tags.admin]) == []
