"""What the explorer answers: the read API and the page with its files."""
