"""Which workspace a question names."""

from collections.abc import Mapping

from apps.core.problems import BadParameter
from apps.users.models import User, Workspace


def refuse_others_workspace(user: User, asked: Mapping[str, str]) -> None:
    """Raises BadParameter where `workspace_id` is none of theirs: an empty answer would tell of an empty workspace."""
    if "workspace_id" in asked and not Workspace.objects.of(user).filter(pk=int(asked["workspace_id"])).exists():
        raise BadParameter("workspace_id", "you are in no workspace of this id.")
