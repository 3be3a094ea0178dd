"""The stricter yardstick: the echo, but with keys held for 50 ms as the door holds them.

Run as `python -m tests.bench.echo_held PORT HOME`. Looking a key up in SQLite at each request, as
the plain echo does, costs it about a quarter of its requests/s at 64 connections; the door does
that once in 50 ms. Beside this one nothing is won by the key check.
"""

from ingest_api.dependencies import RecentKeys
from tests.bench.echo import create_echo, key_reader, serve

if __name__ == "__main__":
    serve(lambda settings: create_echo(RecentKeys(key_reader(settings))))
