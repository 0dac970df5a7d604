"""Somebody to try things with: the account `capedocs`, with a function that returns its input."""

from pycape.demo import echo_folder
from pycape.errors import Conflict
from pycape.local.platform import LocalPlatform

USER_NAME = "capedocs"
FUNCTION_NAME = "echo"


def seed(platform: LocalPlatform) -> str:
    """Claim the name `capedocs` on a running platform, and deploy the function `capedocs/echo`.

    The account's key is in the platform's state. Doing it again changes nothing.

    Returns the account that has the name.
    """
    with platform.client(platform.state.path / USER_NAME) as cape:
        try:
            cape.claim_name(USER_NAME)
        except Conflict:  # its key was lost: what it has deployed is still there
            return cape.account_of(USER_NAME)
        cape.deploy(echo_folder(), name=FUNCTION_NAME)
        return cape.account_id
