"""HTTP for a WSGI server: `granian --interface wsgi config.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# What a process needs for ever (every view, every model) is looked at by no garbage collection again: answers of
# thousands of rows caused one after the other, and each took a quarter of a second.
from config import urls  # noqa: E402, F401

gc.collect()
gc.freeze()
