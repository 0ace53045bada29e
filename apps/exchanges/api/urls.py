from django.urls import path

from apps.exchanges.api import accounts, groups

urlpatterns = [
    path("accounts", accounts.Accounts.as_view()),
    path("accounts/<int:account_id>", accounts.Account.as_view()),
    path("accounts/<int:account_id>/credentials", accounts.RenewCredentials.as_view()),
    path("accounts/<int:account_id>/disable", accounts.Disable.as_view()),
    path("accounts/<int:account_id>/enable", accounts.Enable.as_view()),
    path("groups", groups.Groups.as_view()),
    path("groups/<int:group_id>", groups.Group.as_view()),
]
