"""The sockets. No check of the Origin: users are known by a token, never by a cookie that another page could ride."""

from channels.routing import URLRouter
from django.urls import re_path

from apps.feed.consumers import FeedConsumer, Nowhere

websockets = URLRouter(
    [
        re_path(r"^ws/feed/?$", FeedConsumer.as_asgi()),
        # Without it the router raises, and the server answers 500 with a traceback.
        re_path(r"", Nowhere.as_asgi()),
    ]
)
