import pytest

from alphapulse.exchanges.answers import at, may_be_empty, rows_in
from alphapulse.exchanges.errors import BadResponse


@pytest.mark.parametrize(
    ("answer", "where", "rows"),
    [
        ([{}], "[]", [{}]),
        ([], "[]", []),
        ({"a": 1}, "{}", {"a": 1}),
        ({"result": {"list": [[1]]}}, "result.list[]", [[1]]),
        ({"result": {"list": []}}, "result.list[]", []),
        ({"result": {"open": {}}}, "result.open{}", {}),
        ({"result": []}, "result", []),
        ({"result": {}}, "result", {}),
        ([], "", []),
        ({"a": 1}, "", {"a": 1}),
    ],
)
def test_rows_are_found_where_they_are_expected(answer, where, rows):
    assert rows_in(answer, where) == rows


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({}, "[]"),
        ([], "{}"),
        ({}, "balances[]"),
        ({"balances": None}, "balances[]"),
        ({"balances": {}}, "balances[]"),
        ({"result": {}}, "result.list[]"),
        ({"result": None}, "result{}"),
        ({"result": None}, "result"),
        ({}, ""),
        (None, ""),
        ("done", "[]"),
        ([None], "[]"),
        ([None], ""),
        ({"result": ["x"]}, "result"),
    ],
)
def test_an_answer_without_its_rows_is_none(answer, where):
    with pytest.raises(BadResponse):
        rows_in(answer, where)


def test_a_path_goes_through_mappings_and_lists():
    assert at({"result": {"list": [{"coin": "BTC"}]}}, "result.list.0.coin") == "BTC"
    assert at({"result": {"list": []}}, "result.list.0.coin") is None
    assert at({"result": "none"}, "result.list") is None
    assert at([1], "") == [1]


@pytest.mark.parametrize(
    "answer",
    [[], {"data": []}, {"code": "0", "data": {}}, {"result": {"rows": []}}, {"balances": {}}, {"unheard_of": []}],
)
def test_an_answer_with_a_place_for_rows_may_mean_that_there_is_nothing(answer):
    assert may_be_empty(answer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"status": "ok"},
        {"error": "maintenance"},
        {"data": None, "msg": "system busy"},
        {"status": "error", "message": "scheduled maintenance", "data": []},
        {"success": False, "result": []},
        {"code": 1, "errors": [], "details": {"data": []}},
        {"meta": {"server": "a"}},
    ],
)
def test_an_answer_without_a_place_for_rows_says_nothing_about_them(answer):
    assert not may_be_empty(answer)
