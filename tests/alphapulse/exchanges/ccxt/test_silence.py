import logging
import logging.config

import ccxt
import ccxt.async_support
import pytest

from alphapulse.exchanges.ccxt.differences import CLASSES
from alphapulse.exchanges.ccxt.silence import CCXT_LOGGER
from alphapulse.exchanges.ccxt.transport import transported

NAMES = ["ccxt", "ccxt.base.exchange", "ccxt.async_support.binance", "ccxt.made.up.just.now"]


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def heard():
    root, handler = logging.getLogger(), Heard()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_below_ccxt_reaches_the_root(heard, name):
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.critical("secret")
    assert heard.records == []


def test_handlers_and_levels_set_later_change_nothing(heard):
    logger = logging.getLogger("ccxt.base.exchange")
    logger.addHandler(heard)
    logger.propagate = True
    logger.disabled = False
    logger.setLevel(1)
    logger.debug("secret")
    assert heard.records == []


def test_a_logging_configuration_cannot_wake_them(heard):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "incremental": True,
            "loggers": {name: {"level": "DEBUG", "propagate": True} for name in NAMES},
        }
    )
    for name in NAMES:
        logging.getLogger(name).warning("secret")
    assert heard.records == []


def test_even_a_plain_ccxt_exchange_is_silent(heard):
    ccxt.kraken().logger.error("secret")
    assert heard.records == []


@pytest.mark.parametrize("exchange_id", ["binance", "kraken", "okx", "bitvavo"])
def test_our_exchanges_log_to_no_logger_of_the_tree(exchange_id):
    exchange = (CLASSES.get(exchange_id) or transported(exchange_id))({"verbose": True})
    assert exchange.logger is CCXT_LOGGER
    assert logging.getLogger("ccxt") is CCXT_LOGGER


def test_a_verbose_exchange_prints_nothing(capsys):
    transported("bitvavo")({"verbose": True}).log("secret")
    assert capsys.readouterr().out == ""
