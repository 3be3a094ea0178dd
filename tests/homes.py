"""Where a home's files lie, for tests that meddle with them."""

from pathlib import Path

from store.database import warehouse_name
from store.home import Home


def warehouse_file(root: Path) -> Path:
    """Return the file of the warehouse in use, on SQLite."""
    home = Home(root)
    return home.warehouses / warehouse_name(home)
