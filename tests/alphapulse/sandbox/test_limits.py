from alphapulse.sandbox.limits import MINUTE_MS, IpBudget, Windows

AT = 1_000 * MINUTE_MS


def test_a_window_begins_anew_at_each_whole_minute():
    windows = Windows(MINUTE_MS, 10)

    assert [windows.add("a", 4, AT + second * 1000) for second in (0, 30, 59)] == [4, 8, 12]
    assert windows.used("b", AT) == 0
    assert windows.add("a", 4, AT + MINUTE_MS) == 4


def test_over_the_limit_one_is_told_to_wait_for_the_next_window():
    budget = IpBudget(limit=100)
    budget.charge("1.1.1.1", 100, AT)

    refused = budget.charge("1.1.1.1", 1, AT + 20_000)

    assert not refused.is_allowed
    assert (refused.retry_after_s, refused.banned_until_ms, refused.used) == (40, 0, 101)
    assert budget.charge("2.2.2.2", 1, AT + 20_000).is_allowed
    assert budget.charge("1.1.1.1", 1, AT + MINUTE_MS).is_allowed


def test_who_goes_on_is_banned_and_longer_each_time():
    budget = IpBudget(limit=10, patience=2, first_ban_ms=2 * MINUTE_MS)

    verdicts = [budget.charge("1.1.1.1", 11, AT + n) for n in range(3)]
    assert [verdict.banned_until_ms for verdict in verdicts] == [0, 0, AT + 2 + 2 * MINUTE_MS]
    assert budget.charge("1.1.1.1", 1, AT + MINUTE_MS).banned_until_ms == AT + 2 + 2 * MINUTE_MS

    later = AT + 10 * MINUTE_MS
    assert budget.charge("1.1.1.1", 1, later).is_allowed
    again = [budget.charge("1.1.1.1", 11, later + n) for n in range(3)][-1]
    assert again.banned_until_ms == later + 2 + 4 * MINUTE_MS


def test_a_wait_keeps_a_quiet_client_from_a_ban():
    budget = IpBudget(limit=10, patience=2)
    for minute in range(20):
        at = AT + minute * MINUTE_MS
        assert not budget.charge("1.1.1.1", 11, at).banned_until_ms
        assert budget.charge("1.1.1.1", 1, at + MINUTE_MS // 2).retry_after_s
        budget.charge("1.1.1.1", 1, at + MINUTE_MS)
        budget.windows.clear()


def test_forgiving_forgets_bans_and_weights():
    budget = IpBudget(limit=10, patience=0)
    budget.charge("1.1.1.1", 11, AT)
    assert budget.charge("1.1.1.1", 1, AT).banned_until_ms

    budget.forgive()

    assert budget.charge("1.1.1.1", 1, AT).used == 1
