"""Bybit v5 (`api.bybit.com`), unified accounts: spot, linear and a few inverse contracts, no options."""
