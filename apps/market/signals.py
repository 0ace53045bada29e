"""Facts about markets, announced on commit, with ids only."""

from django.dispatch import Signal

prices_stored = Signal()  # exchange_id, environment
candles_stored = Signal()  # series_id, exchange_id, environment, symbol, timeframe, since, until: of what is new
symbols_watched = Signal()  # exchange_id, environment: others than before
features_computed = Signal()  # feature_series_ids: of these there are new values
