"""A client for imo360's integration API, for partners: the standard library and nothing else.

The folder may be copied into another project, or comes with imo360. Start at client.api.Imo360;
client.canonical computes content hashes; client.conformance checks a server.
"""
