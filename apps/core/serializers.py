"""Bodies of requests as serializers: what is not known is refused, as a misspelt field would silently do nothing."""

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers


class Body(serializers.Serializer):
    """The base of what clients send. A `"7"` is no number here, and a 0 is no false."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for field in fields.values():
            _tell_choices(getattr(field, "child", field))
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (problems := self._unknown(data) or self._of_another_type(data)):
            raise serializers.ValidationError(problems)
        return super().to_internal_value(data)

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        known = ", ".join(name for name, field in self.fields.items() if not field.read_only) or "none"
        return {str(name): [f"No such field; known are {known}."] for name in data if name not in self.fields}

    def _of_another_type(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        """DRF would make what it wants of what comes."""
        wrong = {}
        for name, value in data.items():
            field = self.fields[name]
            items = value if isinstance(field, serializers.ListField) and isinstance(value, list) else [value]
            wanted = _type_of(getattr(field, "child", field))
            if wanted and any(item is not None and type(item) is not wanted for item in items):
                wrong[name] = [f"Expected {WORDS[wanted]}."]
        return wrong


class Line(serializers.CharField):
    """A name or a note of somebody's: one line, without what means something to a browser, a shell or a database."""

    default_error_messages = {"unprintable": "Expected one line of letters, digits, blanks and signs."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(RegexValidator(NO_MARKUP, 'Expected a text without < > " ; = \\ ` { }.'))

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isprintable():
            self.fail("unprintable")
        return text


NO_MARKUP = r'^[^<>";=\\`{}]*$'
WORDS = {str: "a string", bool: "true or false", int: "a whole number"}


def _tell_choices(field: serializers.Field) -> None:
    """DRF's own words keep them for themselves."""
    if isinstance(field, serializers.ChoiceField):
        choices = ", ".join(map(str, field.choices))
        field.error_messages["invalid_choice"] = f'"{{input}}" is not a valid choice: expected one of {choices}.'


def _type_of(field: serializers.Field) -> type | None:
    if isinstance(field, serializers.BooleanField):
        return bool
    if isinstance(field, serializers.IntegerField):
        return int
    texts = (serializers.CharField, serializers.ChoiceField, serializers.DateTimeField, serializers.DateField)
    return str if isinstance(field, (*texts, serializers.TimeField)) else None


def given(body: type[Body], request: Any) -> dict[str, Any]:
    """What the request's body says, checked. Raises ValidationError."""
    serializer = body(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
