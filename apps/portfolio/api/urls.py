from django.urls import path

from apps.ledger.api.views import Positions

urlpatterns = [
    path("positions", Positions.as_view()),
]
