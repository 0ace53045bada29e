"""HTTP and WebSockets on one port: HTTP goes to the WSGI application on a thread pool, sockets to Channels.

DRF is sync code: on a thread pool it answers two to three times as many requests as under ASGI handlers, and the
threads bound the database connections.
"""

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter

from config.wsgi import application as wsgi_application

HTTP_THREADS = 16

# After the WSGI application: it sets Django up, which the consumers' models need.
from apps.core.bodies import WholeBodies  # noqa: E402
from config.routing import websockets  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": WholeBodies(WSGIMiddleware(wsgi_application, workers=HTTP_THREADS)),
        "websocket": websockets,
    }
)
