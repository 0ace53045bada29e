from django.urls import path

from apps.users.api.views import Login, Logout, OneSession, Password, Profile, Refresh, Sessions, Settings

urlpatterns = [
    path("login", Login.as_view()),
    path("refresh", Refresh.as_view()),
    path("logout", Logout.as_view()),
    path("password", Password.as_view()),
    path("profile", Profile.as_view()),
    path("settings", Settings.as_view()),
    path("sessions", Sessions.as_view()),
    path("sessions/<int:session_id>", OneSession.as_view()),
]
