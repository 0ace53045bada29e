import pytest
from rest_framework import serializers

from apps.core.serializers import Body


class Wish(Body):
    name = serializers.CharField(required=False, allow_null=True)
    number = serializers.IntegerField(required=False)
    is_wanted = serializers.BooleanField(required=False)
    names = serializers.ListField(child=serializers.CharField(), required=False)
    kind = serializers.ChoiceField(["a", "1"], required=False)
    at = serializers.DateTimeField(required=False)


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({"name": 7}, "Expected a string."),
        ({"name": True}, "Expected a string."),
        ({"number": "7"}, "Expected a whole number."),
        ({"number": True}, "Expected a whole number."),
        ({"number": 7.0}, "Expected a whole number."),
        ({"is_wanted": 0}, "Expected true or false."),
        ({"is_wanted": "true"}, "Expected true or false."),
        ({"names": ["a", 7]}, "Expected a string."),
        ({"kind": 1}, "Expected a string."),
        ({"kind": "b"}, '"b" is not a valid choice: expected one of a, 1.'),
        ({"at": 1795239392}, "Expected a string."),
        ({"nmae": "a"}, "No such field; known are name, number, is_wanted, names, kind, at."),
    ],
)
def test_what_is_unknown_or_of_another_type_is_told_and_not_made_to_fit(sent, problem):
    body = Wish(data=sent)
    assert not body.is_valid()
    assert body.errors == {next(iter(sent)): [problem]}


@pytest.mark.parametrize("sent", [{}, {"name": None}, {"name": "a", "number": 7, "is_wanted": False, "names": []}])
def test_what_fits_passes(sent):
    body = Wish(data=sent)
    assert body.is_valid(), body.errors
    assert body.validated_data == sent


@pytest.mark.parametrize("sent", [[], "a", None, 7])
def test_what_is_no_object_is_no_body(sent):
    assert not Wish(data=sent).is_valid()
