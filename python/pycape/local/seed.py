"""Somebody to try things with: the account `capedocs`, with a function that returns its input."""

from pycape import FunctionRef
from pycape.demo import echo_folder
from pycape.local.platform import LocalPlatform

USER_NAME = "capedocs"
FUNCTION_NAME = "echo"


def seed(platform: LocalPlatform) -> FunctionRef:
    """Claim the name `capedocs` on a running platform, and deploy the function `capedocs/echo`.

    The account's key is in the platform's state. Doing it again changes nothing.
    """
    with platform.client(platform.state.path / USER_NAME) as cape:
        cape.claim_name(USER_NAME)
        return cape.deploy(echo_folder(), name=FUNCTION_NAME)
