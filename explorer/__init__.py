"""How people look at the market: a read-only page and read API over the published tables."""
