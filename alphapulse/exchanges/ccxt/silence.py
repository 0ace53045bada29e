"""ccxt's loggers write request headers, keys and passphrases in clear at DEBUG. Here they cannot write at all."""

import logging


class SilentLogger(logging.Logger):
    """A logger without handlers, that lets nothing through and passes nothing on, whatever is configured later."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def handle(self, record: logging.LogRecord) -> None:
        return None

    def callHandlers(self, record: logging.LogRecord) -> None:
        return None

    # `logging.Logger` keeps both as attributes; children's records climb through them on the way to the root.
    @property
    def handlers(self) -> list[logging.Handler]:
        return []

    @handlers.setter
    def handlers(self, value: list[logging.Handler]) -> None:
        pass

    @property
    def propagate(self) -> bool:
        return False

    @propagate.setter
    def propagate(self, value: bool) -> None:
        pass


def silence(name: str) -> SilentLogger:
    """Puts a silent logger in the tree at `name`: it and every logger below it, now or later, are cut off the root."""
    manager = logging.Logger.manager
    found = manager.loggerDict.get(name)
    if isinstance(found, SilentLogger):
        return found
    silent = SilentLogger(name)
    silent.manager = manager
    silent.parent = manager.root
    children = [logger for key, logger in manager.loggerDict.items() if key.startswith(f"{name}.")]
    for child in children:
        if isinstance(child, logging.Logger) and not isinstance(child.parent, SilentLogger):
            child.parent = silent
    manager.loggerDict[name] = silent
    return silent


CCXT_LOGGER = silence("ccxt")
# The module whose logger ccxt's exchanges take when they are given none.
silence("ccxt.base.exchange")
