"""Everything that `make run` starts, on a machine with nothing but Python: see `__main__.py`."""
