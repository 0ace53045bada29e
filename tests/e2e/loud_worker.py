"""A Celery worker (or beat) whose every logger is at DEBUG, whatever settings and libraries say."""

import logging
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.celery import app  # noqa: E402

app.loader.import_default_modules()
for name in ["", *logging.Logger.manager.loggerDict]:
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.disabled = False

if __name__ == "__main__":
    app.start(sys.argv[1:])
