"""The only place that speaks ccxt, and the only one with a network in it."""
