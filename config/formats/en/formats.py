"""Times as operators read them: to the second, UTC, the same width in every row."""

DATETIME_FORMAT = r"Y-m-d H:i:s \U\T\C"
DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
