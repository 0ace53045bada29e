"""Bodies of requests as serializers: what is not known is refused, as a misspelt field would silently do nothing."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Body(serializers.Serializer):
    """The base of what clients send."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [str(name) for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            known = ", ".join(name for name, field in self.fields.items() if not field.read_only) or "none"
            raise serializers.ValidationError({name: [f"No such field; known are {known}."] for name in unknown})
        return super().to_internal_value(data)


def given(body: type[Body], request: Any) -> dict[str, Any]:
    """What the request's body says, checked. Raises ValidationError."""
    serializer = body(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
