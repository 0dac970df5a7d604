"""The account, its encryption keys and their epoch, and the names of others that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pycape._account_keys import newest_of_each
from pycape._encryption_arguments import KEMS
from pycape.cli._account_key import KEY_KINDS, vouched
from pycape.console.views._request import pages_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def keys(request: Request) -> Response:
    """Show them; an attested enclave is asked for those that are not remembered."""
    pages = pages_of(request)
    cape, platform = pages.cape, pages.cape._platform
    records = [await cape.key_record(kem=kem) for kem in KEMS]
    return pages.page(
        request,
        "keys.html",
        account=cape.account_id,
        key_file=str(platform.config.account_key_file),
        keys=[(record.public_key, vouched(platform.policy(), record)) for record in records],
        kinds=KEY_KINDS,
        functions=newest_of_each(await cape.functions()),
        known=dict(platform.known_accounts),
    )


ROUTES = [Route("/keys", keys)]
