"""The core: plain Python, strictly typed. It knows nothing of Django, Celery or Redis."""
