from django.urls import path

from apps.users.api.views import Login, Profile, Refresh

urlpatterns = [
    path("login", Login.as_view()),
    path("refresh", Refresh.as_view()),
    path("profile", Profile.as_view()),
]
