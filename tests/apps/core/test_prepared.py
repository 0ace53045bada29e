from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.clock import now
from apps.core.prepared import Parameter, PreparedObjects
from apps.core.visitors import Visitor
from apps.users.models import Session, User
from apps.users.services.sessions import open_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def by_uid() -> PreparedObjects:
    return PreparedObjects(
        lambda: Session.objects.filter(uid=Parameter("uid", Session._meta.get_field("uid"))), along="user"
    )


def session_of(name: str) -> Session:
    user = User.objects.create_user(name)
    visitor = Visitor(address="192.0.2.1", user_agent="a browser")
    open_session(user, visitor=visitor, now=now(), scopes=["portfolio:read"])
    return Session.objects.get(user=user)


def test_each_value_finds_its_own_row_as_the_query_itself_would():
    prepared = by_uid()
    for name in ("first", "second"):
        session = session_of(name)
        (found,) = prepared.objects(uid=session.uid)
        for one, other in ((found, session), (found.user, session.user)):
            columns = [field.attname for field in other._meta.concrete_fields]
            assert {name: getattr(one, name) for name in columns} == {name: getattr(other, name) for name in columns}
    assert prepared.objects(uid=uuid4()) == []


def test_what_was_followed_costs_no_query_and_what_was_found_can_be_saved():
    session, prepared = session_of("first"), by_uid()
    with CaptureQueriesContext(connection) as seen:
        (found,) = prepared.objects(uid=session.uid)
        assert found.user.username == "first"
    assert len(seen) == 1
    found.user_agent = "another"
    found.save()
    assert Session.objects.get().user_agent == "another"


def test_a_value_is_never_part_of_the_sql():
    name = Parameter("name", User._meta.get_field("username"))
    prepared = PreparedObjects(lambda: User.objects.filter(username=name))
    session_of("first")
    assert prepared.objects(name="' OR ''='") == []
    assert [each.username for each in prepared.objects(name="first")] == ["first"]
