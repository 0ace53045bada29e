from contextlib import ExitStack

from apps.sync.services.places import PLACES, place_at


def test_one_exchange_has_a_few_places_and_others_and_its_past_their_own():
    with ExitStack() as waiting:
        assert all(waiting.enter_context(place_at("binance", reads_on=False)) for _ in range(PLACES))
        with place_at("binance", reads_on=False) as is_free:
            assert not is_free
        with place_at("bybit", reads_on=False) as is_free, place_at("binance", reads_on=True) as reads_on:
            assert is_free
            assert reads_on


def test_who_is_done_leaves_a_place_however_it_ended():
    for _ in range(PLACES + 1):
        try:
            with place_at("binance", reads_on=False) as is_free:
                assert is_free
                raise ConnectionError
        except ConnectionError:
            continue
