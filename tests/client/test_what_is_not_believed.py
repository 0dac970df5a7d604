"""What a control plane answers is compared with what is signed, and with what was seen before."""

import pytest

from pycape import Token, _core, errors
from pycape._clock import now_ms

from .doubles import Script, answer, manifest, token

ACCOUNT = _core.Account.generate()


def test_another_manifest_than_asked_for(cape, script, other):
    wanted, served = manifest(other, version=1), manifest(other, version=2)
    wanted = _core.Manifest.verify(wanted)
    for exact in (wanted.function_id, wanted.checksum):
        script.answers[f"GET /v2/functions/{exact}"] = answer(200, {"manifest": served})
    with pytest.raises(errors.ChecksumMismatch, match=wanted.function_id):
        cape.manifest(wanted.function_id)


def test_a_manifest_that_was_altered(cape, script, other):
    text = manifest(other)
    function = _core.Manifest.verify(text).function_id
    head, _, signature = text.rpartition(".")
    altered = f"{head}.{signature[:-8]}AAAAAAAA"
    script.answers[f"GET /v2/functions/{function}"] = answer(200, {"manifest": altered})
    with pytest.raises(errors.PermissionDenied):
        cape.manifest(function)


def test_the_newest_version_of_another_account(cape, script, other):
    script.answers["GET /v2/functions"] = answer(
        200, {"functions": [{"manifest": manifest(other)}]}
    )
    with pytest.raises(errors.ProtocolError, match=other.id):
        cape.manifest(f"{cape.account_id}/echo")


def test_functions_of_others_in_a_list(cape, script, other):
    mine = cape._platform.account
    functions = [{"manifest": manifest(account)} for account in (mine, other)]
    script.answers["GET /v2/functions"] = answer(200, {"functions": functions})
    assert [each.account for each in cape.functions()] == [mine.id]


def test_the_claim_of_another_name(cape, script, other):
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": other.sign_name_claim("eve")})
    with pytest.raises(errors.RecipientUnknown, match="the claim of 'eve'"):
        cape.account_of("bob")
    with pytest.raises(errors.RecipientUnknown, match="the claim of 'eve'"):
        cape.trust_account("bob")


def test_a_name_that_is_another_account_now(cape, script, other):
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": ACCOUNT.sign_name_claim("bob")})
    assert cape.account_of("bob") == ACCOUNT.id
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": other.sign_name_claim("bob")})
    with pytest.raises(errors.RecipientChanged) as raised:
        cape.account_of("bob")
    assert raised.value.details == {"name": "bob", "known": ACCOUNT.id, "now": other.id}
    assert cape.trust_account("bob") == other.id
    assert cape.account_of("bob") == other.id


@pytest.mark.parametrize(
    "user", ["Bob", "b", "", "..", "bob/x", "cape1" + "q" * 58, "b" * 33, "bob\n"]
)
def test_a_recipient_of_neither_form_is_not_asked_for(cape, script, user):
    with pytest.raises(errors.RecipientUnknown, match="neither an account id nor a user name"):
        cape.account_of(user)
    assert script.requests == []


def test_the_epoch_of_another_account(cape, script, other):
    mine = cape.account_id
    record = answer(200, {"record": other.sign_epoch_record(4)})
    script.answers[f"GET /v2/accounts/{mine}/epoch"] = record
    with pytest.raises(errors.ProtocolError, match=other.id):
        cape.rotate_keys()


def test_an_older_epoch_than_was_seen(cape, script):
    """Each is remembered as soon as its signature holds, whatever comes of the call."""
    mine = cape._platform.account
    path = f"/v2/accounts/{mine.id}/epoch"
    script.answers[f"GET {path}"] = answer(200, {"record": mine.sign_epoch_record(5)})
    script.answers["GET /v2/functions"] = answer(200, {"functions": []})
    script.answers["POST /v2/placements"] = answer(200, {"url": "ws://127.0.0.1:5/v2/session"})
    with pytest.raises(errors.ConnectFailed):
        cape.rotate_keys()
    script.answers[f"GET {path}"] = answer(200, {"record": mine.sign_epoch_record(4)})
    with pytest.raises(errors.RecipientChanged, match=r"epoch 4 .* and 5 is known"):
        cape._drive(cape._platform.keys.epoch(mine.id))
    assert all(request.method != "PUT" for request in script.requests), "nothing was published"


def test_a_rotation_goes_on_from_the_highest_epoch_that_is_known(cape, script):
    """Whatever the directory has lost, or withholds from the account's own client."""
    mine = cape._platform.account
    cape._platform.keys.known_epochs.learn(mine.id, 7)
    script.answers["GET /v2/functions"] = answer(200, {"functions": []})
    for said, following in ((None, 8), (6, 8), (7, 8), (9, 10)):
        if said is not None:
            record = answer(200, {"record": mine.sign_epoch_record(said)})
            script.answers[f"GET /v2/accounts/{mine.id}/epoch"] = record
        rotation = cape._drive(cape._platform.keys.plan_rotation())
        assert _core.verify_epoch_record(rotation.text) == (mine.id, following)
        assert rotation.epoch == following


def published(script: Script) -> _core.RevocationList:
    return _core.RevocationList.verify(script.requests[-1].content.decode())


def test_an_older_revocation_list_does_not_undo_a_newer_one(cape, script, other):
    """A directory that shows its owner an old list would have it signed anew otherwise."""
    path = f"/v2/revocations/{cape.account_id}"
    script.answers[f"PUT {path}"] = answer(200, {})
    tokens = [
        token(cape._platform.account, "ab" * 32),
        token(cape._platform.account, "cd" * 32),
        token(cape._platform.account, "ef" * 32),
    ]
    assert cape.revoke(tokens=tokens[:1]) == 1
    old = script.requests[-1].content.decode()
    assert cape.revoke(tokens=tokens[1:2]) == 2
    script.answers[f"GET {path}"] = answer(200, {"list": old})
    assert cape.revoke(tokens=tokens[2:]) == 3
    assert set(published(script).jtis) == {token.inspect().jti for token in tokens}


def test_a_newer_revocation_list_of_another_machine_goes_on(cape, script):
    mine = cape._platform.account
    path = f"/v2/revocations/{mine.id}"
    script.answers[f"PUT {path}"] = answer(200, {})
    cape.revoke()
    newer = mine.sign_revocations(9, ["a-jti-of-elsewhere"], ["ab" * 32], 1)
    script.answers[f"GET {path}"] = answer(200, {"list": newer})
    assert cape.revoke() == 10
    assert published(script).jtis == ["a-jti-of-elsewhere"]
    assert published(script).checksums == ["ab" * 32]


def test_a_token_of_another_account_is_not_revoked(cape, script, other):
    """It would be on a list that no enclave asks for, and go on to hold."""
    theirs = Token(other.sign_token("ab" * 32, 60, None, now_ms()))
    own = token(cape._platform.account, "ab" * 32)
    with pytest.raises(errors.PermissionDenied, match=other.id):
        cape.revoke(tokens=[own, theirs])
    assert not script.requests


def test_another_server_is_not_taken_for_a_control_plane(cape, script):
    script.answers[f"GET /v2/revocations/{cape.account_id}"] = answer(502, b"<html>Bad Gateway")
    with pytest.raises(errors.ServiceError, match="the control plane answered 502") as raised:
        cape.revoke()
    assert "`cape config` shows where the address comes from" in raised.value.hint


def test_the_revocation_list_of_another_account(cape, script, other):
    served = other.sign_revocations(1, [], [], 1)
    script.answers[f"GET /v2/revocations/{cape.account_id}"] = answer(200, {"list": served})
    with pytest.raises(errors.ProtocolError, match=other.id):
        cape.revoke()
