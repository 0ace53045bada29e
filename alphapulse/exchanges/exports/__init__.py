"""The files that exchanges let people download (CSV), read as the same events that their APIs tell. Pure.

A file of each exchange describes its formats as data (`binance.py`, `bybit.py`, `kraken.py`: which column is which
field, in the words of `shapes.py`). `formats.py` recognises a file by its header row, `reading.py` reads it whole. Rows
without an id of the exchange's are named by what they say (`exchanges/fingerprint.py`).
"""
