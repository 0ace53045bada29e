from contextlib import ExitStack

from apps.sync.services.places import PLACES, place_at


def test_one_exchange_has_a_few_places_and_another_one_its_own():
    with ExitStack() as waiting:
        assert all(waiting.enter_context(place_at("binance")) for _ in range(PLACES))
        with place_at("binance") as is_free:
            assert not is_free
        with place_at("bybit") as is_free:
            assert is_free


def test_who_is_done_leaves_a_place_however_it_ended():
    for _ in range(PLACES + 1):
        try:
            with place_at("binance") as is_free:
                assert is_free
                raise ConnectionError
        except ConnectionError:
            continue
