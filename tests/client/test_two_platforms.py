"""One account on two platforms: what is remembered of one says nothing of the other.

Spec: docs/spec/profile.md, what is remembered.
"""

import pytest

from pycape import Cape, _core, errors

from .doubles import URL, ScriptedTransport, answer, any_policy, token

EVE = _core.Account.from_seed(bytes([2]) * 32)
BOB = _core.Account.from_seed(bytes([1]) * 32)


@pytest.fixture
def on(script):
    """A client with a profile, of one configuration folder."""

    def client(profile: str) -> Cape:
        return Cape(
            URL,
            profile=profile,
            policy=any_policy(),
            transport=ScriptedTransport(script),
            max_retries=0,
        )

    return client


def epoch(cape: Cape) -> int:
    return cape._drive(cape._platform.keys.epoch(cape.account_id))[1]


def test_an_epoch_of_one_platform_is_none_of_the_other(on, script):
    account = on("one")._platform.account
    path = f"GET /v2/accounts/{account.id}/epoch"
    script.answers[path] = answer(200, {"record": account.sign_epoch_record(2)})
    assert epoch(on("one")) == 2
    script.answers[path] = answer(200, {"record": account.sign_epoch_record(1)})
    assert epoch(on("other")) == 1
    with pytest.raises(errors.RecipientChanged, match=r"epoch 1 .* and 2 is known"):
        epoch(on("one"))


def test_a_name_is_somebody_elses_on_the_other_platform(on, script):
    def account_of(profile: str, claimant: _core.Account) -> str:
        claim = {"claim": claimant.sign_name_claim("bob")}
        script.answers["GET /v2/names/bob"] = answer(200, claim)
        cape = on(profile)
        return cape._drive(cape._platform.user_names.account_of("bob"))

    assert account_of("one", BOB) == BOB.id
    assert account_of("other", EVE) == EVE.id
    assert account_of("one", BOB) == BOB.id
    for profile, other in (("one", EVE), ("other", BOB)):
        with pytest.raises(errors.RecipientChanged):
            account_of(profile, other)


def test_versions_of_a_function_rise_on_each_platform_by_themselves(on):
    on("one")._platform.known_functions.check("cape1a", "echo", 5, "ab" * 32)
    assert on("one")._platform.known_functions.version("cape1a", "echo") == 5
    on("other")._platform.known_functions.check("cape1a", "echo", 1, "cd" * 32)
    with pytest.raises(errors.Conflict):
        on("one")._platform.known_functions.check("cape1a", "echo", 1, "cd" * 32)


def test_lists_of_revocations_are_those_of_the_account_everywhere(on, script):
    """They name no platform: an older one could be shown where another was published."""
    cape = on("one")
    account, tokens = (
        cape.account_id,
        [token(cape._platform.account, each * 32) for each in ("ab", "cd")],
    )
    script.answers[f"PUT /v2/revocations/{account}"] = answer(200, {})
    assert on("one").revoke(tokens=tokens[:1]) == 1
    assert on("other").revoke(tokens=tokens[1:]) == 2
    published = _core.RevocationList.verify(script.requests[-1].content.decode())
    assert set(published.jtis) == {token.inspect().jti for token in tokens}


def test_a_profile_of_no_possible_name_is_told_when_something_is_remembered(on, script):
    claim = {"claim": BOB.sign_name_claim("bob")}
    script.answers["GET /v2/names/bob"] = answer(200, claim)
    cape = on("../../x")
    with pytest.raises(errors.ConfigError, match="no profile's name"):
        cape._drive(cape._platform.user_names.account_of("bob"))
