"""Nothing is skipped, whatever the exchange's pages, bounds and delays are, and whenever we are killed."""

from collections import Counter
from datetime import timedelta
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.exchanges import windows
from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.facts import History, Pages
from alphapulse.exchanges.history import Cursor
from alphapulse.exchanges.windows import Told
from tests.alphapulse.exchanges.listing import START, Happened, Listing, at

LATE = 5_000
PAGES = {
    "none": None,
    "cursor": Pages(param="cursor", cursor_at="next"),
    "counted": Pages(param="page"),
    "skipped": Pages(param="offset", counts_rows=True),
    "after": Pages(param="after", after_field="id"),
    "ids": Pages(param="fromId", id_field="id", first=1),
}
# More steps than any list here needs.
MOST_STEPS = 2_000


def milliseconds(number: int) -> timedelta:
    return timedelta(milliseconds=number)


@st.composite
def listings(draw, kinds=("none", "cursor", "counted", "skipped", "ids")) -> Listing:
    """Few distinct times, so that rows share a millisecond, and whole stretches without any."""
    kind = draw(st.sampled_from(kinds))
    times = draw(st.lists(st.integers(0, 60_000) | st.sampled_from([0, 30_000, 30_001, 59_999]), max_size=25))
    # Ids rise with time, as those of trades do.
    events = [
        Happened(number=number, ms=ms, late=draw(st.integers(0, LATE))) for number, ms in enumerate(sorted(times), 1)
    ]
    history = History(
        source="",
        pages=PAGES[kind],
        per_page=draw(st.integers(1, 6)),
        # Longer than rows may be late, as all are: what is read again would be all that a window holds.
        window=draw(st.none() | st.integers(2 * LATE, 80_000).map(milliseconds)),
        late=milliseconds(LATE),
        changes_for=milliseconds(draw(st.integers(0, 20_000))) if kind != "none" else timedelta(0),
    )
    return Listing(
        history=history,
        events=events,
        is_newest_first=draw(st.booleans()),
        has_open_start=draw(st.booleans()),
        has_open_end=draw(st.booleans()),
        now=draw(st.integers(0, 70_000)),
        takes=draw(st.integers(0, 400)),
    )


def is_too_dense(listing: Listing) -> bool:
    """A page cannot hold what happened in the shortest window: its two ends are a millisecond apart, and overlap."""
    if listing.history.pages is not None:
        return False
    near = Counter(event.ms + shift for event in listing.events for shift in (-1, 0, 1, 2))
    return max(near.values(), default=0) >= listing.history.per_page


@settings(deadline=None, max_examples=200)
@given(
    listing=listings(),
    killed=st.sets(st.integers(0, 30), max_size=10),
    pauses=st.lists(st.integers(200, 20_000), min_size=1, max_size=5),
)
def test_all_is_read_and_the_cursor_never_says_more_than_is_true(listing, killed, pauses):
    cursor, read, pauses = Cursor(reached_at=START), set(), cycle(pauses)
    for number in range(MOST_STEPS):
        try:
            found, reached, is_caught_up = listing.step(cursor, REQUESTS_A_STEP)
        except BadResponse:
            assert is_too_dense(listing)
            return
        if number in killed:
            continue  # before it was stored: rows and cursor are lost together
        assert reached.reached_at >= cursor.reached_at
        cursor = reached
        read |= {event.number for event in found}
        assert {event.number for event in listing.events if at(event.ms) < cursor.reached_at} <= read
        if is_caught_up:
            if listing.now > 60_000 + 3 * LATE:
                break
            listing.now += next(pauses)
    assert is_caught_up
    assert read == {event.number for event in listing.events}


@settings(deadline=None, max_examples=50)
@given(listing=listings(kinds=("none",)), ms=st.integers(1, 50_000))
def test_more_rows_in_a_millisecond_than_an_answer_holds_are_an_error_that_moves_nothing(listing, ms):
    listing.events = [Happened(number=number, ms=ms) for number in range(listing.history.per_page)]
    listing.now = 200_000
    cursor = Cursor(reached_at=START)
    refused = ""
    for _ in range(MOST_STEPS):
        try:
            _, cursor, is_caught_up = listing.step(cursor, 1)
        except BadResponse as exc:
            refused = exc.message
            break
        assert not is_caught_up
    assert "no way to ask for the rest" in refused
    assert cursor.reached_at <= at(ms)


@settings(deadline=None, max_examples=50)
@given(listing=listings(kinds=("cursor", "counted", "skipped")))
def test_any_number_of_rows_in_a_millisecond_is_read_where_there_are_pages(listing):
    listing.events = [Happened(number=number, ms=30_000) for number in range(1, 40)]
    listing.now, cursor, read = 100_000, Cursor(reached_at=START), set()
    for _ in range(MOST_STEPS):
        found, cursor, is_caught_up = listing.step(cursor, 1)
        read |= {event.number for event in found}
        if is_caught_up:
            break
    assert len(read) == 39


def caught_up(listing: Listing, cursor: Cursor) -> tuple[list[Happened], Cursor]:
    found: list[Happened] = []
    for _ in range(MOST_STEPS):
        rows, cursor, is_caught_up = listing.step(cursor, REQUESTS_A_STEP)
        found += rows
        if is_caught_up:
            return found, cursor
    raise AssertionError("never caught up")


@pytest.mark.parametrize("kind", ["none", "cursor", "ids"])
def test_who_has_caught_up_reads_a_short_overlap_again(kind):
    history = History(source="", pages=PAGES[kind], late=milliseconds(LATE))
    events = [Happened(number=1, ms=1_000), Happened(number=2, ms=99_000)]
    listing = Listing(history=history, events=events, now=100_000)
    found, cursor = caught_up(listing, Cursor(reached_at=START))
    assert {event.number for event in found} == {1, 2}
    listing.events.append(Happened(number=3, ms=98_000) if kind != "ids" else Happened(number=3, ms=99_500))
    again, _ = caught_up(listing, cursor)
    assert {event.number for event in again} == {2, 3}


def test_what_may_still_change_is_read_again():
    history = History(source="", pages=PAGES["skipped"], window=timedelta(days=89), changes_for=timedelta(days=14))
    day = 86_400_000
    events = [Happened(number=1, ms=100 * day), Happened(number=2, ms=188 * day)]
    listing = Listing(history=history, events=events, now=200 * day)
    _, cursor = caught_up(listing, Cursor(reached_at=START))
    listing.now += day
    again, _ = caught_up(listing, cursor)
    assert [event.number for event in again] == [2]


def test_a_window_without_pages_is_one_request():
    history = History(source="", pages=PAGES["cursor"], window=timedelta(days=7), per_page=50)
    listing = Listing(history=history, events=[], now=int(timedelta(days=70) / milliseconds(1)))
    _, cursor = caught_up(listing, Cursor(reached_at=START))
    assert listing.requests == 11
    assert cursor.reached_at == at(listing.now - listing.takes) - history.late


def test_a_symbols_whole_past_costs_a_request_for_each_page_of_ids():
    history = History(source="", pages=PAGES["ids"], per_page=1000)
    events = [Happened(number=7 * n, ms=86_400_000 * n) for n in range(1, 2501)]
    listing = Listing(history=history, events=events, now=86_400_000 * 2600)
    found, cursor = caught_up(listing, Cursor(reached_at=START))
    assert len(set(found)) == 2500
    # A full page's last row comes again with the next.
    assert len(found) == 2502
    assert listing.requests == 3
    assert cursor.page == str(7 * 2500 + 1)


def test_two_rows_of_one_id_come_together_wherever_a_page_ends():
    history = History(source="", pages=PAGES["ids"], per_page=3)
    events = [Happened(number=number, ms=number) for number in (1, 2, 3, 5, 6)] + [Happened(number=3, ms=3, late=1)]
    listing = Listing(history=history, events=events, now=900_000)
    found, _ = caught_up(listing, Cursor(reached_at=START))
    assert set(found) == set(events)


def test_what_is_no_longer_told_is_not_asked_for():
    history = History(source="", pages=PAGES["cursor"], window=timedelta(days=7), keeps=timedelta(days=90))
    ask = windows.next_ask(history, Cursor(reached_at=START), now=START + timedelta(days=900))
    assert START + timedelta(days=810) <= ask.since < START + timedelta(days=811)
    cursor, _ = windows.after(history, ask, Told(count=0))
    assert cursor.reached_at == ask.until


def test_a_window_that_was_left_for_longer_than_anything_is_kept_is_begun_anew():
    history = History(source="", pages=PAGES["cursor"], window=timedelta(days=7), keeps=timedelta(days=90))
    left = Cursor(reached_at=START, page="next", window_until=START + timedelta(days=7))
    ask = windows.next_ask(history, left, now=START + timedelta(days=900))
    assert ask.page == ""
    assert ask.since > START + timedelta(days=800)


def test_the_pages_of_a_window_keep_their_window_after_a_restart():
    history = History(source="", pages=PAGES["cursor"], window=timedelta(days=7))
    first = windows.next_ask(history, Cursor(reached_at=START), now=START + timedelta(days=90))
    cursor, _ = windows.after(history, first, Told(count=100, next_page="two"))
    second = windows.next_ask(history, cursor, now=START + timedelta(days=92))
    assert (second.since, second.until, second.page) == (first.since, first.until, "two")
    assert cursor.reached_at == START


def test_a_page_that_names_itself_as_the_next_one_is_refused():
    history = History(source="", pages=PAGES["cursor"], window=timedelta(days=7))
    ask = windows.next_ask(
        history,
        Cursor(reached_at=START, page="one", window_until=START + timedelta(days=7)),
        now=START + timedelta(days=90),
    )
    with pytest.raises(BadResponse, match="names the page that it is"):
        windows.after(history, ask, Told(count=100, next_page="one"))


def test_an_answer_that_begins_before_the_id_that_was_asked_for_is_refused():
    history = History(source="", pages=PAGES["ids"])
    ask = windows.next_ask(history, Cursor(reached_at=START, page="50"), now=at(100_000))
    with pytest.raises(BadResponse, match="begins with id 49"):
        windows.after(history, ask, Told(count=1, ids=[(49, at(5))]))


@pytest.mark.parametrize(
    ("kind", "page", "rows", "document", "following"),
    [
        ("counted", "", 2, None, "2"),
        ("counted", "2", 2, None, "3"),
        ("counted", "2", 1, None, ""),
        ("skipped", "", 2, None, "2"),
        ("skipped", "2", 2, None, "4"),
        ("after", "", 2, None, "1"),
        ("after", "1", 1, None, ""),
        ("cursor", "", 2, {"next": "abc"}, "abc"),
        ("cursor", "", 1, {"next": "abc"}, "abc"),
        ("cursor", "abc", 2, {"next": ""}, ""),
        # Some name a next page for ever: behind the last one there is nothing.
        ("cursor", "abc", 0, {"next": "abd"}, ""),
    ],
)
def test_the_next_page(kind, page, rows, document, following):
    history = History(source="", pages=PAGES[kind], per_page=2)
    told = windows.told(history, page, document, [{"id": number} for number in range(rows)])
    assert told.next_page == following


def test_parts_of_rows_are_what_an_answer_is_full_of():
    history = History(source="", per_page=3, parts="coins")
    assert windows.told(history, "", None, [{"coins": [1, 2]}, {"coins": [3]}]).count == 3
