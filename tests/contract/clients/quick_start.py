"""What a partner writes with the generated client: publish, read the typed answer and a refusal.

Arguments: address, key, file of the body. Checked by mypy against the generated types, then run.
"""

import json
import sys
from pathlib import Path

from imo360_client import AuthenticatedClient
from imo360_client.api.listings import post_listing
from imo360_client.models import Listing, ListingAnswer, Problem


def publish(client: AuthenticatedClient, listing: Listing) -> ListingAnswer:
    """Publish a listing."""
    answer = post_listing.sync(client=client, body=listing)
    assert isinstance(answer, ListingAnswer), answer
    return answer


def refused(client: AuthenticatedClient, listing: Listing) -> Problem:
    """Have a listing refused."""
    answer = post_listing.sync(client=client, body=listing)
    assert isinstance(answer, Problem), answer
    return answer


base, key, file = sys.argv[1:]
api = AuthenticatedClient(base_url=base, token=key, prefix="", auth_header_name="X-API-Key")
published = publish(api, Listing.from_dict(json.loads(Path(file).read_text())))
problem = refused(api, Listing(provider_identifier="my-crm", external_id="python", title=" "))
print(published.identifier, published.status, problem.status, problem.code)
