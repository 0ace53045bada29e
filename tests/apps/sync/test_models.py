import pytest

from apps.sync.models import SyncChange


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"free": "3", "total": "5"}, {"free": "4", "total": "5"}, "free 3 -> 4"),
        (None, {"free": "4", "debt": None}, "new: free 4"),
        ({"status": "open"}, None, "gone: status open"),
    ],
)
def test_a_change_says_in_a_line_what_differs(before, after, words):
    assert SyncChange(before=before, after=after).difference == words
