"""Checks of an integration API, for its partners and for whoever runs one: `imo360 conformance`.

Each check is a function whose docstring says what it proves. It works with a provider of its own
and everything it makes is deleted at the end.
"""
