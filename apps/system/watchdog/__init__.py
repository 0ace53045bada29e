"""The watchdog: looks at what the system leaves behind (rows, queues), and needs none of it to run."""
