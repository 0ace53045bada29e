"""What the settings make of the database's URL."""

from contextlib import closing

import psycopg2

from config.settings import database


def _asked(url: str, question: str) -> str:
    with closing(psycopg2.connect(url, **database(url)["OPTIONS"])) as session, session.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def test_postgresql_ends_who_sleeps_in_a_transaction_before_its_claim_ends(postgres_url):
    assert _asked(postgres_url, "SHOW idle_in_transaction_session_timeout") == "30s"


def test_the_urls_own_options_win(postgres_url):
    url = f"{postgres_url}?options=-c%20idle_in_transaction_session_timeout%3D5s"
    assert database(url)["OPTIONS"]["options"].endswith("=5s")
