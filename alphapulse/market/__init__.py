"""What the market says: timeframes, candles, indicators, features. Pure."""
