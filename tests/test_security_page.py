"""What docs/security.md names is there, and it forgets no requirement of ASVS 5.0 up to level 2."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
# How many requirements of level 1 and 2 each chapter of ASVS 5.0.0 has.
CHAPTERS = dict(enumerate((27, 11, 19, 10, 9, 35, 18, 7, 7, 29, 14, 9, 13, 9, 13, 16, 7), start=1))
NUMBER = r"\d+\.\d+\.\d+"


def rows() -> list[str]:
    return [line for line in PAGE.splitlines() if re.match(rf"\| {NUMBER}", line)]


def numbers() -> list[str]:
    first_cells = [line.split("|")[1] for line in rows()]
    not_applying = PAGE.partition("## What does not apply")[2]
    return [number for text in (*first_cells, not_applying) for number in re.findall(NUMBER, text)]


@pytest.mark.parametrize(("file", "test"), TESTS)
def test_every_test_that_it_names_is_there(file, test):
    assert f"def {test}(" in (ROOT / file).read_text()


def test_it_names_tests_in_this_way_alone():
    table = "\n".join(rows())
    assert len(re.findall(r"tests/[\w/]+\.py", table)) == len(re.findall(r"`tests/[\w/]+\.py::\w+`", table)) > 50


def test_every_requirement_up_to_level_2_is_met_or_not_or_does_not_apply():
    found = numbers()
    assert [number for number, times in Counter(found).items() if times > 1] == []
    assert Counter(int(number.partition(".")[0]) for number in found) == CHAPTERS


def test_what_is_not_met_is_told_at_the_beginning_too():
    summary = PAGE.partition("## What is not met, in short")[2].partition("## ")[0]
    told = set(re.findall(NUMBER, summary))
    unmet = {number for row in rows() if "**not met**" in row for number in re.findall(NUMBER, row.split("|")[1])}
    assert unmet <= told
