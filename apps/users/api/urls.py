from django.urls import path

from apps.users.api import audit, doors, me, two_factor, workspaces

urlpatterns = [
    path("login", doors.Login.as_view()),
    path("refresh", doors.Refresh.as_view()),
    path("logout", doors.Logout.as_view()),
    path("password", doors.Password.as_view()),
    path("profile", me.Profile.as_view()),
    path("settings", me.Settings.as_view()),
    path("sessions", me.Sessions.as_view()),
    path("sessions/<int:session_id>", me.OneSession.as_view()),
    path("tokens", me.ApiTokens.as_view()),
    path("tokens/<int:token_id>", me.OneApiToken.as_view()),
    path("two-factor", two_factor.TwoFactor.as_view()),
    path("two-factor/confirm", two_factor.Confirm.as_view()),
    path("two-factor/recovery-codes", two_factor.RecoveryCodes.as_view()),
    path("two-factor/disable", two_factor.Disable.as_view()),
    path("workspaces/<int:workspace_id>/members", workspaces.Members.as_view()),
    path("workspaces/<int:workspace_id>/members/<int:user_id>", workspaces.Member.as_view()),
    path("workspaces/<int:workspace_id>/invitations", workspaces.Invitations.as_view()),
    path("workspaces/<int:workspace_id>/invitations/<int:invitation_id>", workspaces.OneInvitation.as_view()),
    path("workspaces/<int:workspace_id>/audit", audit.Entries.as_view()),
    path("invitations/accept", workspaces.Accept.as_view()),
]
