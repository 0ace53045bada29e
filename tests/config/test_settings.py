"""What the settings make of the database's URL."""

import socket
from contextlib import closing

import psycopg2

from config.database import database


def _asked(url: str, question: str) -> str:
    with closing(psycopg2.connect(url, **database(url)["OPTIONS"])) as session, session.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def test_postgresql_ends_who_sleeps_in_a_transaction_before_its_claim_ends(postgres_url):
    assert _asked(postgres_url, "SHOW idle_in_transaction_session_timeout") == "30s"


def test_the_urls_own_options_win(postgres_url):
    url = f"{postgres_url}?options=-c%20idle_in_transaction_session_timeout%3D5s"
    assert database(url)["OPTIONS"]["options"].endswith("=5s")


def test_a_path_to_postgresql_that_swallows_everything_is_noticed(postgres_url):
    with closing(psycopg2.connect(postgres_url, **database(postgres_url)["OPTIONS"])) as session:
        asked = socket.socket(fileno=socket.dup(session.fileno()))
    with closing(asked):
        assert asked.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
        assert asked.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
