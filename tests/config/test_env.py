import subprocess
import sys
from pathlib import Path

import pytest

from config import env


@pytest.fixture(autouse=True)
def written(monkeypatch):
    """What the running system's file says, as if it had been there at import."""
    values: dict[str, str] = {}
    monkeypatch.setattr(env, "_written", values)
    for name in ("A_SETTING", "ANOTHER"):
        monkeypatch.delenv(name, raising=False)
    return values


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(written, monkeypatch):
    assert env.str("A_SETTING", "default") == "default"
    written["A_SETTING"] = "file"
    assert env.str("A_SETTING", "default") == "file"
    monkeypatch.setenv("A_SETTING", "environment")
    assert env.str("A_SETTING", "default") == "environment"


def test_an_empty_variable_turns_the_files_value_off(written, monkeypatch):
    written["A_SETTING"] = "file"
    monkeypatch.setenv("A_SETTING", "")
    assert env.str("A_SETTING", "default") == ""


def test_a_required_setting_that_is_missing_or_empty_is_named_with_a_hint(written):
    written["A_SETTING"] = ""
    for name in ("A_SETTING", "ANOTHER"):
        with pytest.raises(env.MissingSetting, match=f"{name} is not set. Make one."):
            env.required(name, "Make one.")


@pytest.mark.parametrize(("word", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("", False)])
def test_booleans_are_words(written, word, value):
    written["A_SETTING"] = word
    assert env.bool("A_SETTING", not value) is value


@pytest.mark.parametrize("read", [env.bool, env.json, lambda name: env.int(name, 1)])
def test_a_malformed_setting_is_named(written, read):
    written["A_SETTING"] = "{maybe"
    with pytest.raises(env.MalformedSetting, match="A_SETTING"):
        read("A_SETTING")


def test_a_malformed_json_setting_is_not_quoted_in_the_error(written):
    written["A_SETTING"] = '{"home": {"proxy": "http://user:hunter2@proxy"'
    with pytest.raises(env.MalformedSetting) as raised:
        env.json("A_SETTING")
    assert "hunter2" not in str(raised.value)


def test_lists_numbers_and_json_are_read(written):
    written.update(A_SETTING=" a, ,b ", ANOTHER='{"binance": "http://gateway"}')
    assert env.list("A_SETTING") == ["a", "b"]
    assert env.json("ANOTHER") == {"binance": "http://gateway"}
    assert env.int("MISSING", 7) == 7


def test_comments_blank_lines_and_later_equal_signs_are_understood(tmp_path: Path):
    file = tmp_path / "run.env"
    file.write_text("# a comment = no setting\n\nKEY=k1:YQ==\n OTHER = x \nnothing\n")
    assert env.read_file(file) == {"KEY": "k1:YQ==", "OTHER": "x"}
    assert env.read_file(tmp_path / "absent") == {}


def test_a_shell_that_knows_only_the_home_finds_the_settings(tmp_path: Path):
    (tmp_path / "run.env").write_text("REDIS_URL=redis://:pw@127.0.0.1:7/0\n")
    code = "from config import env; print(env.str('REDIS_URL'))"
    environment = {"ALPHAPULSE_HOME": str(tmp_path), "PATH": ""}
    shell = subprocess.run(
        [sys.executable, "-c", code], cwd=env.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert shell.stdout.strip() == "redis://:pw@127.0.0.1:7/0"
