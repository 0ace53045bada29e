"""Authenticated encryption of what must never be read from a stolen database: AES-256-GCM, bound to its row.

A sealed text is `key_id:base64(nonce + ciphertext)`. It opens only for the row it was sealed for (`bound_to`):
a copy into another row is noise. Not a model field: a field does not know its row.
"""

import os
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

KEY_BYTES = 32
NONCE_BYTES = 12
# What somebody may have typed, or copied from an example.
TYPED = frozenset(range(0x20, 0x7F))


class CannotOpen(Exception):
    """The key that sealed it is gone from CREDENTIAL_KEYS, or it was sealed for another row, or changed since."""


def seal(plaintext: str, *, bound_to: str) -> str:
    """Encrypts with the first key of CREDENTIAL_KEYS."""
    key_id, key = next(iter(keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = AESGCM(key).encrypt(nonce, plaintext.encode(), bound_to.encode())
    return f"{key_id}:{b64encode(nonce + ciphertext).decode()}"


def open_sealed(sealed: str, *, bound_to: str) -> str:
    """Raises CannotOpen, whose text never holds what was sealed."""
    key_id, _, encoded = sealed.partition(":")
    key = keys().get(key_id)
    if key is None:
        raise CannotOpen(f"The encryption key {key_id!r} is not among CREDENTIAL_KEYS.")
    try:
        raw = b64decode(encoded, validate=True)
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], bound_to.encode()).decode()
    except (InvalidTag, ValueError):  # ValueError: cut short, or no base64 any more
        raise CannotOpen(f"It was not sealed for {bound_to} with the key {key_id!r}, or has been changed.") from None


def seal_anew(sealed: str, *, bound_to: str) -> str:
    """The same, encrypted with the first key of CREDENTIAL_KEYS. Raises CannotOpen."""
    return seal(open_sealed(sealed, bound_to=bound_to), bound_to=bound_to)


def first_key_id() -> str:
    """Of the key that `seal` uses."""
    return next(iter(keys()))


def new_key(key_id: str) -> str:
    """One entry for CREDENTIAL_KEYS."""
    return f"{key_id}:{b64encode(os.urandom(KEY_BYTES)).decode()}"


def keys() -> dict[str, bytes]:
    """The key ring by id, the encrypting key first."""
    return key_ring(settings.CREDENTIAL_KEYS)


@cache
def key_ring(text: str, setting: str = "CREDENTIAL_KEYS") -> dict[str, bytes]:
    """What the setting says. Raises ImproperlyConfigured, without quoting a key: a guessable one is refused too."""
    ring: dict[str, bytes] = {}
    for entry in text.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        if key_id in ring:
            raise ImproperlyConfigured(f"{setting} has two keys with the id {key_id!r}: which one sealed a row?")
        ring[key_id] = _decoded(key_id, encoded, setting)
    return ring


def _decoded(key_id: str, encoded: str, setting: str) -> bytes:
    try:
        key = b64decode(encoded, validate=True)
    except NotBase64:
        key = b""
    if not key_id or len(key) != KEY_BYTES or _is_guessable(key):
        raise ImproperlyConfigured(
            f"{setting} must be `id:base64 of 32 random bytes`, comma separated: "
            "`python manage.py make_credential_key` prints one."
        )
    return key


def _is_guessable(key: bytes) -> bool:
    """Few different bytes, or a sentence: random bytes are neither, but for one key in 10^13."""
    return len(set(key)) < 12 or all(byte in TYPED for byte in key)
