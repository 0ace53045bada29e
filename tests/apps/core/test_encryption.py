import os
import subprocess
import sys
from base64 import b64encode

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.core.encryption import CannotOpen, key_ring, new_key, open_sealed, seal
from config.env import ROOT

PLAINTEXT = "a key, a secret and a password"
ROW = "exchange account 1"


def test_what_was_sealed_for_a_row_opens_for_that_row():
    assert open_sealed(seal(PLAINTEXT, bound_to=ROW), bound_to=ROW) == PLAINTEXT


def test_the_same_text_never_seals_to_the_same_twice():
    assert seal(PLAINTEXT, bound_to=ROW) != seal(PLAINTEXT, bound_to=ROW)


def test_a_sealed_text_copied_into_another_row_stays_shut():
    with pytest.raises(CannotOpen, match="was not sealed for exchange account 2"):
        open_sealed(seal(PLAINTEXT, bound_to=ROW), bound_to="exchange account 2")


# Not the very last letter: some of its bits may say nothing.
@pytest.mark.parametrize("position", [5, 20, -6])
def test_a_sealed_text_in_which_one_letter_changed_stays_shut(position):
    sealed = seal(PLAINTEXT, bound_to=ROW)
    other = "A" if sealed[position] != "A" else "B"
    letters = list(sealed)
    letters[position] = other
    with pytest.raises(CannotOpen):
        open_sealed("".join(letters), bound_to=ROW)


@pytest.mark.parametrize("damage", [lambda s: s[:12], lambda s: s[:-8], lambda s: s + "!", lambda s: s.split(":")[0]])
def test_a_sealed_text_cut_short_or_garbled_stays_shut(damage):
    with pytest.raises(CannotOpen):
        open_sealed(damage(seal(PLAINTEXT, bound_to=ROW)), bound_to=ROW)


def test_the_first_key_seals_and_older_ones_still_open(settings):
    settings.CREDENTIAL_KEYS = old = new_key("old")
    sealed_before = seal(PLAINTEXT, bound_to=ROW)
    settings.CREDENTIAL_KEYS = f"{new_key('new')}, {old}"

    assert open_sealed(sealed_before, bound_to=ROW) == PLAINTEXT
    assert seal(PLAINTEXT, bound_to=ROW).startswith("new:")


def test_a_text_whose_key_is_gone_says_which_key_it_was(settings):
    settings.CREDENTIAL_KEYS = new_key("lost")
    sealed = seal(PLAINTEXT, bound_to=ROW)
    settings.CREDENTIAL_KEYS = new_key("new")

    with pytest.raises(CannotOpen, match="'lost' is not among CREDENTIAL_KEYS"):
        open_sealed(sealed, bound_to=ROW)


def test_another_key_of_the_same_id_does_not_open_it(settings):
    settings.CREDENTIAL_KEYS = new_key("k1")
    sealed = seal(PLAINTEXT, bound_to=ROW)
    settings.CREDENTIAL_KEYS = new_key("k1")

    with pytest.raises(CannotOpen):
        open_sealed(sealed, bound_to=ROW)


def test_neither_the_sealed_text_nor_the_error_tells_what_was_sealed():
    sealed = seal(PLAINTEXT, bound_to=ROW)
    with pytest.raises(CannotOpen) as problem:
        open_sealed(sealed, bound_to="another row")

    assert PLAINTEXT not in sealed
    assert PLAINTEXT not in repr(problem.value)
    assert sealed not in str(problem.value)


def _entry(key: bytes) -> str:
    return "k1:" + b64encode(key).decode()


WEAK_KEYS = {
    "empty": "",
    "no id": ":" + b64encode(os.urandom(32)).decode(),
    "no key": "k1:",
    "not base64": "k1:not base64 at all!",
    "too short": _entry(os.urandom(16)),
    "too long": _entry(os.urandom(33)),
    "all zeros": _entry(bytes(32)),
    "one letter": _entry(b"k" * 32),
    "two values": _entry(b"\x01\xfe" * 16),
    "a phrase": _entry(b"change-me-please-0123456789abcde"),
}


@pytest.mark.parametrize("text", WEAK_KEYS.values(), ids=WEAK_KEYS)
def test_a_weak_key_is_refused_without_being_quoted(text):
    with pytest.raises(ImproperlyConfigured, match="make_credential_key") as problem:
        key_ring(text)

    secret = text.partition(":")[2]
    assert not secret or secret not in str(problem.value)


def test_two_keys_of_one_id_are_refused():
    with pytest.raises(ImproperlyConfigured, match="two keys with the id 'k1'"):
        key_ring(f"{new_key('k1')},{new_key('k1')}")


def _manage(*arguments: str, home: object, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**inherited, "ALPHAPULSE_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


SECRET_KEY = "production-" + "s" * 50


def test_production_settings_start_with_a_good_key(tmp_path):
    keys = {"CREDENTIAL_KEYS": new_key("k1"), "AUDIT_SEAL_KEYS": new_key("seal")}
    done = _manage("check", home=tmp_path, SECRET_KEY=SECRET_KEY, **keys)
    assert done.returncode == 0, done.stderr


def test_production_settings_refuse_to_start_without_a_key_for_the_audits_seals_or_with_a_weak_or_a_shared_one(
    tmp_path,
):
    key = new_key("k1")
    known = {"SECRET_KEY": SECRET_KEY, "CREDENTIAL_KEYS": key}
    missing = _manage("check", home=tmp_path, **known)
    assert (missing.returncode != 0, "AUDIT_SEAL_KEYS is not set" in missing.stderr) == (True, True)
    weak = _manage("check", home=tmp_path, **known, AUDIT_SEAL_KEYS=WEAK_KEYS["one letter"])
    assert (weak.returncode != 0, "AUDIT_SEAL_KEYS must be" in weak.stderr) == (True, True)
    shared = _manage("check", home=tmp_path, **known, AUDIT_SEAL_KEYS=key)
    assert (shared.returncode != 0, "it needs one of its own" in shared.stderr) == (True, True)


def test_production_settings_refuse_to_start_without_a_credential_key(tmp_path):
    done = _manage("check", home=tmp_path, SECRET_KEY=SECRET_KEY)
    assert done.returncode != 0
    assert "CREDENTIAL_KEYS is not set" in done.stderr
    assert "make_credential_key" in done.stderr


def test_production_settings_refuse_to_start_with_a_weak_credential_key(tmp_path):
    weak = WEAK_KEYS["one letter"]
    done = _manage("check", home=tmp_path, SECRET_KEY=SECRET_KEY, CREDENTIAL_KEYS=weak)
    assert done.returncode != 0
    assert "make_credential_key" in done.stderr
    assert weak.partition(":")[2] not in done.stderr


def test_a_key_is_made_where_nothing_is_configured_yet(tmp_path):
    made = _manage("make_credential_key", "--id", "first", home=tmp_path)
    assert made.returncode == 0, made.stderr
    assert list(key_ring(made.stdout.strip())) == ["first"]
