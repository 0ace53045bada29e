"""The servers of the tests themselves leave nothing behind."""

import os
import signal
import subprocess
import sys

import psutil
import psycopg2
import redis

from config.env import ROOT
from tests.servers import PARENT, POSTGRES_PARENT, PREFIX, postgres_server, redis_server

from .conftest import until

HOLDER = """
import time
from tests.servers import {server}
with {server}() as url:
    print(url, flush=True)
    time.sleep(60)
"""


def test_each_fixture_is_a_server_that_answers(redis_url, postgres_url):
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
    psycopg2.connect(postgres_url).close()


def test_a_killed_test_run_leaves_no_server_and_the_next_one_sweeps_its_folder():
    for server, again in (("redis_server", redis_server), ("postgres_server", postgres_server)):
        command = [sys.executable, "-c", HOLDER.format(server=server)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout.readline().strip()
            started = psutil.Process(holder.pid).children(recursive=True)
            assert started
            holder.send_signal(signal.SIGKILL)
        until(lambda processes=started: not any(process.is_running() for process in processes))
        with again():
            left = [folder for parent in (PARENT, POSTGRES_PARENT) for folder in parent.glob(f"{PREFIX}{holder.pid}-*")]
            assert left == []


def test_a_command_on_postgres_gets_its_url_and_gives_its_exit_status():
    code = "import os, sys, psycopg2; psycopg2.connect(os.environ['TEST_DATABASE_URL']).close(); sys.exit(5)"
    command = [sys.executable, "-m", "tests.postgres", sys.executable, "-c", code]
    environment = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    assert subprocess.call(command, cwd=ROOT, env=environment) == 5
