"""Keeping up with the exchanges, a room for each step: states -> dispatch -> claim -> batch -> settle."""
