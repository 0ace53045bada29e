"""A new password: everything that the old one opened is closed."""

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from apps.core.visitors import Visitor
from apps.users.models import User
from apps.users.services import lockout, two_factor
from apps.users.services.sessions import open_session
from apps.users.tokens import Tokens


class PasswordRefused(Exception):
    """`field` is what was wrong: `current_password` or `new_password`."""

    def __init__(self, field: str, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.field, self.problems = field, problems


def prove(user: User, *, password: str, visitor: Visitor, now: datetime, code: str | None = None) -> None:
    """That it is the user, who shows a token already. Raises PasswordRefused, LockedOut."""
    attempt = lockout.begin(user.get_username(), visitor.address, now=now)
    if not user.check_password(password):
        attempt.fail(now)
        raise PasswordRefused("current_password", ["This is not your password."])
    if code is not None and not two_factor.passes(user, code, now=now):
        attempt.fail(now)
        raise PasswordRefused("code", ["This is no code of yours, or it was used before."])
    attempt.succeed()


def change_password(user: User, *, current: str, new: str, visitor: Visitor, now: datetime) -> Tokens:
    """Ends every session of the user, and begins one for who changed it. Raises PasswordRefused, LockedOut."""
    prove(user, password=current, visitor=visitor, now=now)
    try:
        validate_password(new, user)
    except ValidationError as problem:
        raise PasswordRefused("new_password", problem.messages) from None
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        return open_session(user, visitor=visitor, now=now)
