"""Answers of the API belong to who asked: nobody else keeps them, and each use asks whether they are still true.

With Django's ConditionalGetMiddleware around it: who sends the last answer's ETag as `If-None-Match` is told 304,
without a body, while nothing has changed.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

REVALIDATED = "private, no-cache"
NOWHERE = "no-store"


class ApiCaching:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/api/"):
            is_read = request.method in {"GET", "HEAD"} and response.status_code == 200
            response.headers["Cache-Control"] = REVALIDATED if is_read else NOWHERE
            patch_vary_headers(response, ["Authorization"])
        return response
