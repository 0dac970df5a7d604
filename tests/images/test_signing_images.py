"""Signatures, and the policies that pin images and those who sign them."""

import hashlib
from datetime import date

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pycape import images, policy
from pycape.errors import ConfigError, ImageError, KeyInvalid

from .altered import archive, entry, ramdisks_of, with_ramdisks


def pcr8(certificate):
    """PCR8 by its definition, from the certificate's DER."""
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    return hashlib.sha384(bytes(48) + hashlib.sha384(der).digest()).digest()


def test_an_image_that_is_signed_when_it_is_built_and_one_that_is_signed_later(build, signing):
    key, certificate = signing()
    signer = images.load_signer(key, certificate)
    plain = build(name="plain.eif")
    at_once = build(name="signed.eif", signer=signer)
    later = images.sign(plain.path, plain.path.with_name("later.eif"), signer)
    assert at_once.pcrs == later.pcrs == {**plain.pcrs, 8: pcr8(certificate)}
    signed = images.read(later.path)
    assert signed.signature_defect is None
    assert signed.metadata == images.read(plain.path).metadata
    start = images.read(plain.path).sections[-1]
    end = start.offset + start.size
    assert later.path.read_bytes()[548:end] == plain.path.read_bytes()[548:end]
    plain.path.chmod(0o600)
    private = images.sign(plain.path, plain.path.with_name("private.eif"), signer)
    assert private.path.stat().st_mode & 0o077 == 0, "it may hold a vault's key"
    with pytest.raises(ImageError, match="is signed already"):
        images.sign(later.path, plain.path.with_name("twice.eif"), signer)


def test_only_an_image_is_signed(tmp_path, signing):
    signer = images.load_signer(*signing())
    (tmp_path / "text").write_text("x")
    with pytest.raises(ImageError, match="the image ends at byte 1"):
        images.sign(tmp_path / "text", tmp_path / "out", signer)
    with pytest.raises(ConfigError, match="there is no image"):
        images.sign(tmp_path / "missing", tmp_path / "out", signer)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ramdisk", [0, 1])
def test_an_image_that_another_takes_the_place_of_meanwhile_is_not_signed(
    build, signing, tmp_path, ramdisk
):
    """What is in there was not looked at, and begins elsewhere."""
    plain = build(name="plain.eif").path
    ramdisks = ramdisks_of(plain)
    ramdisks[ramdisk] = archive(entry("other"))
    other = with_ramdisks(plain, tmp_path / "other.eif", ramdisks).path

    def replace(step):
        if step.phase == "write" and other.exists():
            other.replace(plain)

    signer = images.load_signer(*signing())
    with pytest.raises(ImageError, match="was changed while it was signed"):
        images.sign(plain, tmp_path / "signed.eif", signer, progress=replace)
    assert not other.exists()
    assert not (tmp_path / "signed.eif").exists()


def test_a_key_and_a_certificate_that_do_not_serve(tmp_path, signing):
    key, certificate = signing()
    other_key, other_certificate = signing()
    for wrong, error in [
        ((key, other_certificate), "the certificate is of another key"),
        ((certificate, certificate), "not a block of PEM with the label PRIVATE KEY"),
        ((key, key), "not a block of PEM with the label CERTIFICATE"),
        (signing(curve=ec.SECP256R1()), "the key is not an uncompressed point on P-384"),
    ]:
        with pytest.raises(KeyInvalid, match=error) as refused:
            images.load_signer(*wrong)
        assert "openssl" in refused.value.hint
    with pytest.raises(KeyInvalid) as refused:
        images.load_signer(certificate, key)
    assert str(refused.value) == (
        f"the key {certificate}, the certificate {key}: certificate: not a block of PEM with the"
        " label CERTIFICATE"
    )
    assert refused.value.hint == "they are the wrong way round: each file is the other one"
    with pytest.raises(ConfigError, match="there is no private key"):
        images.load_signer(tmp_path / "missing", certificate)
    with pytest.raises(ConfigError, match="there is no certificate"):
        images.load_signer(other_key, tmp_path / "missing")


@pytest.mark.parametrize("days", [(-9, -1), (1, 9)], ids=["expired", "not yet valid"])
def test_nobody_signs_under_a_certificate_that_is_not_valid(signing, days):
    with pytest.raises(ImageError, match=r"is valid from .* to .*, and not now"):
        images.load_signer(*signing(days=days))


def test_a_policy_pins_an_image(build):
    built = build()
    made = images.policy_of([images.read(built.path)], vault="ab" * 32, not_after=date(2030, 5, 1))
    read = policy.parse(made.to_toml(), "policy.toml")
    [release] = read.releases
    assert release.name == "tested 1.0"
    assert release.pcrs == {index: built.pcrs[index] for index in (0, 1, 2)}
    assert release.vault == bytes.fromhex("ab" * 32)
    assert release.not_after.isoformat() == "2030-05-01T23:59:59+00:00"


def test_a_policy_may_pin_who_signs(build, signing):
    signer = images.load_signer(*signing())
    built = build(name="signed.eif", signer=signer)
    made = images.policy_of([images.read(built.path)], signer=True, name="ours")
    [release] = policy.parse(made.to_toml(), "policy.toml").releases
    assert (release.name, release.pcrs) == ("ours", {8: built.pcrs[8]})
    with pytest.raises(ImageError, match="is not signed, and its signer is to be pinned"):
        images.policy_of([images.read(build().path)], signer=True)


def test_several_images_are_several_releases(build, folder):
    first = images.read(build(name="one.eif").path)
    (folder / "settings.toml").write_text('mode = "production"\n')
    second = images.read(build(name="two.eif").path)
    made = images.policy_of([first, second, first])
    assert [release.pcrs[0] for release in made.releases] == [first.pcrs[0], second.pcrs[0]]
    with pytest.raises(ValueError, match="one name is given"):
        images.policy_of([first, second], name="x")
    with pytest.raises(ValueError, match="vault id has 32 bytes"):
        images.policy_of([first], vault="ab")
