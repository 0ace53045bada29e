"""Wiring only: settings, the Celery application, URLs, and what `make run` starts."""
