"""One stream of logs, by loguru: readable lines, or one JSON object a line."""

import logging
import sys

from loguru import logger

FORMAT = "{time:YYYY-MM-DD HH:mm:ss.SSS!UTC} {level: <7} {extra[logger]: <24} {message}"


class ToLoguru(logging.Handler):
    """Hands every record of the standard library's loggers to loguru, with its logger's name."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        bound = logger.bind(logger=record.name)
        bound.opt(depth=6, exception=record.exc_info).log(level, record.getMessage())


def configure_logging(*, level: str, as_json: bool) -> None:
    """`diagnose` stays off: it would print the values of variables, credentials among them, with each traceback."""
    logger.remove()
    logger.configure(extra={"logger": "alphapulse"})
    logger.add(sys.stderr, level=level, format=FORMAT, serialize=as_json, diagnose=False, backtrace=False)
    logging.basicConfig(handlers=[ToLoguru()], level=level, force=True)
    # One line per received task and per beat tick, several a second: below warning they say nothing new.
    for chatty in ("celery.beat", "celery.worker.strategy", "celery.app.trace", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
