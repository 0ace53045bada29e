from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from apps.users.models import Membership


class Login(TokenObtainPairView):
    """`{username, password}` -> `{access, refresh}`: minutes and a day. Guessing is slowed down, by address."""

    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "login"


class RefreshBody(TokenRefreshSerializer):
    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        # As strict as for an access token: the user is still there, active, and has the same password.
        JWTAuthentication().get_user(self.token_class(attrs["refresh"]))
        return super().validate(attrs)


class Refresh(TokenRefreshView):
    """`{refresh}` -> `{access}`."""

    serializer_class = RefreshBody


class Profile(APIView):
    """Who I am, and the workspaces I may see."""

    def get(self, request: Request) -> Response:
        memberships = Membership.objects.filter(user=request.user).select_related("workspace").order_by("pk")
        return Response(
            {
                "id": request.user.pk,
                "username": request.user.get_username(),
                "email": request.user.email,
                "is_staff": request.user.is_staff,
                "workspaces": [
                    {"id": each.workspace_id, "name": each.workspace.name, "role": each.role} for each in memberships
                ],
            }
        )
