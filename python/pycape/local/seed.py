"""Somebody to try things with: the account `capedocs`, with a function that returns its input."""

from pycape import Cape, FunctionRef
from pycape._config import Config
from pycape.demo import echo_folder
from pycape.local.platform import LocalPlatform
from pycape.policy import Policy

USER_NAME = "capedocs"
FUNCTION_NAME = "echo"


def seed(platform: LocalPlatform) -> FunctionRef:
    """Claim the name `capedocs` on a running platform, and deploy the function `capedocs/echo`.

    The account's key is in the platform's state. Doing it again changes nothing.
    """
    folder = platform.state.path / USER_NAME
    Config(config_dir=folder).install_profile(platform.profile, make_default=True)
    with Cape(
        platform.url,
        profile=platform.profile.name,
        policy=Policy.from_toml(platform.profile.policy_toml),
        config_dir=folder,
    ) as cape:
        cape.claim_name(USER_NAME)
        return cape.deploy(echo_folder(), name=FUNCTION_NAME)
