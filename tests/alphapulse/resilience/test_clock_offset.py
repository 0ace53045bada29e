from datetime import UTC, datetime, timedelta

from alphapulse.resilience.clock_offset import ClockSample, clock_offset

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sample(offset: float, trip: float = 0.1, answered: float = 0.5) -> ClockSample:
    """`answered` is the part of the round trip after which the exchange looked at its clock."""
    exchange_at = NOW + timedelta(seconds=trip * answered + offset)
    return ClockSample(sent_at=NOW, received_at=NOW + timedelta(seconds=trip), exchange_at=exchange_at)


def test_the_middle_of_the_round_trip_counts():
    assert sample(1.5).offset == timedelta(seconds=1.5)
    assert sample(-2, trip=3).offset == timedelta(seconds=-2)


def test_a_lopsided_round_trip_is_wrong_by_half_of_it_at_most():
    assert abs(sample(0, trip=0.4, answered=1.0).offset) == timedelta(seconds=0.2)


def test_the_median_leaves_one_odd_sample_out():
    assert clock_offset([sample(1), sample(1.02), sample(30)]) == timedelta(seconds=1.02)


def test_one_sample_is_enough():
    assert clock_offset([sample(-0.25)]) == timedelta(seconds=-0.25)
