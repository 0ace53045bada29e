"""Who may see what: every owned row points at a workspace, never at a user."""

from apps.users.models.api_tokens import ApiToken
from apps.users.models.failures import LoginFailures
from apps.users.models.invitations import Invitation
from apps.users.models.people import User, UserManager
from apps.users.models.preferences import BASE_CURRENCIES, NumberFormat, UserSettings
from apps.users.models.sessions import EndReason, Session
from apps.users.models.two_factor import RecoveryCode, TwoFactor
from apps.users.models.workspaces import Membership, Role, Workspace

__all__ = [
    "BASE_CURRENCIES",
    "ApiToken",
    "EndReason",
    "Invitation",
    "LoginFailures",
    "Membership",
    "NumberFormat",
    "RecoveryCode",
    "Role",
    "Session",
    "TwoFactor",
    "User",
    "UserManager",
    "UserSettings",
    "Workspace",
]
