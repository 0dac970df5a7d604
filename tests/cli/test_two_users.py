"""Two people, each with a configuration folder: one hands on a platform's file, and a token.

The second encrypts for the first, who alone has the function that opens it; and runs her function
with the token. On the command line and in Python.
"""

import asyncio
import base64
from pathlib import Path

import pytest

from pycape import AsyncCape, Cape, errors
from pycape.demo import echo_folder

from .conftest import CommandLine, joined

USAGE, DATA, REFUSED, CONFIG = 2, 65, 77, 78

FILE = "platform.toml"


@pytest.fixture
def ada(cape) -> CommandLine:
    """She has joined the platform, and hands on its file."""
    Path(FILE).write_bytes(cape.ok("config", "export").stdout)
    return cape


@pytest.fixture
def newcomer(stranger) -> CommandLine:
    """He has nothing but the package."""
    return stranger


@pytest.fixture
def other(insecure_platform, tmp_path, monkeypatch, capsysbinary) -> CommandLine:
    """Somebody on another platform, which is called `local` as well."""
    return joined(insecure_platform, CommandLine(tmp_path / "other", monkeypatch, capsysbinary))


def fact(user: CommandLine, name: str) -> str | None:
    return user.data("config")[name]["value"]


# The way through


def test_a_colleague_encrypts_for_her_and_runs_her_function(ada, newcomer, echo):
    account = ada.ok("accounts", "name", "two-users-ada").text.split()[-1]
    joined_as = newcomer.ok("join", FILE, "--development").text
    assert ada.data("vault", "show")["vault"] in joined_as, "which both compare by other means"

    sealed = newcomer.ok("encrypt", "for ada", "-r", "two-users-ada")
    assert account in sealed.stderr, "whom a name stands for is told when it is first used"
    Path("letter.cape").write_bytes(sealed.stdout)
    assert ada.ok("run", echo["function_id"], "-f", "letter.cape").text == "for ada"

    ada.ok("token", "create", "--function", echo["function_id"], "-o", "bob.token")
    Path("echo.json").write_bytes(ada.ok("deploy", echo_folder(), "-o", "json").stdout)
    run = ["run", "echo.json", "-t", "bob.token"]
    assert newcomer.ok(*run, "from bob").text == "from bob"
    assert newcomer.ok(*run, "-f", "letter.cape").text == "for ada", "it opens what is hers"

    own = newcomer.ok("encrypt", "his own").line
    error = newcomer.error(*run, own)
    assert account in error["message"], "what is his her function does not open"
    assert newcomer.ok("function", "list").line == "no functions"


def test_the_same_in_python(ada, newcomer):
    newcomer.ok("join", FILE, "--development")
    with Cape(config_dir=ada.config) as hers, Cape(config_dir=newcomer.config) as his:
        ref = hers.deploy(echo_folder(), name="echo")
        token = hers.create_token(ref, expires="1h", name="bob")
        sealed = his.encrypt(b"for ada", username=hers.account_id)
        assert hers.run(ref, None, sealed) == b"for ada"
        assert his.run(ref, token, b"from bob") == b"from bob"
        assert his.run(ref.id, token.raw, sealed) == b"for ada"
        with pytest.raises(errors.TokenInvalid):
            his.run(ref, None, b"x")
        assert hers.account_id != his.account_id


def test_the_same_where_it_is_awaited(ada, newcomer):
    newcomer.ok("join", FILE, "--development")

    async def both() -> bytes:
        async with (
            AsyncCape(config_dir=ada.config) as hers,
            AsyncCape(config_dir=newcomer.config) as his,
        ):
            ref = await hers.deploy(echo_folder(), name="echo")
            token = await hers.create_token(ref, expires="1h")
            sealed = await his.encrypt(b"for ada", recipient=hers.account_id)
            assert await hers.run(ref, None, sealed) == b"for ada"
            return await his.run(ref, token, b"from bob")

    assert asyncio.run(both()) == b"from bob"


# What can go wrong


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", CONFIG, "platform.toml"),
        (b"hello", CONFIG, "platform.toml is not TOML"),
        (b"\xff\xfe", DATA, "this is not text in UTF-8"),
        (b'[[release]]\nname = "x"\n', CONFIG, "platform.toml"),
        (b"capeaccountsk1qqqq\n", CONFIG, "platform.toml is not TOML"),
    ],
)
def test_a_wrong_file(newcomer, content, status, message):
    Path(FILE).write_bytes(content)
    error = newcomer.error("join", FILE, "--development")
    assert error["status"] == status
    assert message in error["message"]
    assert not newcomer.config.exists(), "nothing is half joined"


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ('name = "local"', 'name = "../local"', CONFIG),
        ('name = "local"', 'name = "local"\nmore = 1', CONFIG),
        ("development = true", "development = false", CONFIG),
        ('url = "http://127', 'url = "ftp://127', CONFIG),
        ('pcr0 = "', 'pcr0 = "00', CONFIG),
        ('vault = "', 'vault = "0', CONFIG),
        ("birth = ", "born = ", CONFIG),
        ("[[release]]", "[[releases]]", CONFIG),
        ('birth = "', 'birth = "AAAA', REFUSED),
    ],
)
def test_a_file_that_was_edited(ada, newcomer, before, after, status):
    text = Path(FILE).read_text()
    assert before in text
    Path(FILE).write_text(text.replace(before, after))
    error = newcomer.error("join", FILE, "--development")
    assert error["status"] == status, error
    assert not newcomer.config.exists()


def test_a_file_whose_measurements_were_edited(ada, newcomer):
    measured = ada.data("attest")["pcrs"]["0"]
    Path(FILE).write_text(Path(FILE).read_text().replace(measured, "ab" * 48))
    error = newcomer.error("join", FILE, "--development")
    assert (error["status"], error["code"]) == (REFUSED, errors.PcrMismatch.code)
    assert not newcomer.config.exists()


def test_a_file_that_leads_to_another_platform(ada, newcomer, platform, insecure_platform):
    """Its vault is hers, its address another's: joining shows nothing, the first use refuses."""
    text = Path(FILE).read_text()
    Path(FILE).write_text(text.replace(platform.url, insecure_platform.url))
    newcomer.ok("join", FILE, "--development")
    error = newcomer.error("encrypt", "hello")
    assert error["status"] == REFUSED
    assert error["code"] in {errors.VaultMismatch.code, errors.TrustRootMismatch.code}


def test_a_file_with_the_root_of_another_platform(ada, newcomer, platform, insecure_platform):
    [hers], [others] = platform.profile.trust_roots, insecure_platform.profile.trust_roots
    text = Path(FILE).read_text()
    as_line, of_other = (f'"{base64.b64encode(root).decode()}"' for root in (hers, others))
    assert text.count(as_line) == 1, "the birth document has it too, in no quotes of its own"
    edited = text.replace(as_line, of_other)
    Path(FILE).write_text(edited)
    error = newcomer.error("join", FILE, "--development")
    assert (error["status"], error["code"]) == (REFUSED, errors.TrustRootMismatch.code)


def test_the_function_of_another_platform(ada, newcomer, other, echo):
    newcomer.ok("join", FILE, "--development")
    (Path("other")).mkdir(exist_ok=True)
    Path("other/app.py").write_text("def cape_handler(data): return b'other'\n")
    elsewhere = other.data("deploy", "other")["function_id"]
    error = newcomer.error("run", elsewhere, "x")
    assert (error["status"], error["code"]) == (1, errors.NotFound.code)
    assert "on another platform" in error["hint"]


# One name for two platforms


def test_the_same_platform_again_is_no_question(ada, newcomer):
    newcomer.ok("join", FILE, "--development")
    again = newcomer.data("join", FILE, "--development")
    assert again["replaced"] is None


def test_another_platform_of_the_same_name_is_not_put_in_its_place_unasked(
    ada, newcomer, other, platform, insecure_platform
):
    newcomer.ok("join", FILE, "--development")
    Path("other.toml").write_bytes(other.ok("config", "export").stdout)
    error = newcomer.error("join", "other.toml", "--development")
    assert error["status"] == USAGE
    assert f"local is another platform here, at {platform.url}" in error["message"]
    assert "--name NAME keeps both" in error["message"]
    assert fact(newcomer, "url") == platform.url

    newcomer.ok("join", "other.toml", "--development", "--name", "team")
    assert fact(newcomer, "url") == platform.url, "what was the default stays it"
    for name, url in (("local", platform.url), ("team", insecure_platform.url)):
        assert newcomer.data("config", "--profile", name)["url"]["value"] == url
        assert newcomer.ok("encrypt", "hello", "--profile", name).text.startswith("cape:2:")

    data = newcomer.data("join", "other.toml", "--development", "--yes")
    assert data["replaced"] == platform.url
    assert fact(newcomer, "url") == insecure_platform.url


def test_a_name_of_ones_own_is_well_formed(ada, newcomer):
    error = newcomer.error("join", FILE, "--development", "--name", "My Team")
    assert (error["status"], error["code"]) == (USAGE, "CAPE-CLI-001")
    assert "lower-case letters" in error["hint"]


def test_a_profile_that_is_broken_is_mended(ada, newcomer):
    newcomer.ok("join", FILE, "--development")
    (newcomer.config / "profiles" / "local.toml").write_text("broken")
    assert newcomer.error("config")["status"] == CONFIG
    newcomer.ok("join", FILE, "--development")
    assert newcomer.ok("encrypt", "hello").text.startswith("cape:2:")


def test_a_user_name_that_stands_for_somebody_else_now(ada, newcomer, other):
    """As on another platform in the same place: what is remembered is not forgotten."""
    before = ada.ok("accounts", "name", "two-users-eve").text.split()[-1]
    newcomer.ok("join", FILE, "--development")
    newcomer.ok("encrypt", "hi", "-r", "two-users-eve")

    now = other.ok("accounts", "name", "two-users-eve").text.split()[-1]
    Path("other.toml").write_bytes(other.ok("config", "export").stdout)
    newcomer.ok("join", "other.toml", "--development", "--yes")
    error = newcomer.error("encrypt", "hi", "-r", "two-users-eve")
    assert (error["status"], error["code"]) == (REFUSED, errors.RecipientChanged.code)
    assert error["details"] == {"name": "two-users-eve", "known": before, "now": now}
    assert "`cape accounts trust two-users-eve`" in error["hint"]

    assert newcomer.ok("accounts", "trust", "two-users-eve", now).text.startswith("two-users-eve")
    assert newcomer.ok("encrypt", "hi", "-r", "two-users-eve").text.startswith("cape:2:")


def test_keys_that_she_changed(ada, newcomer, echo):
    newcomer.ok("join", FILE, "--development")
    account = ada.ok("accounts", "show", "-q").line
    old = newcomer.ok("encrypt", "before", "-r", account).line
    ada.ok("keys", "rotate")
    new = newcomer.ok("encrypt", "after", "-r", account).line
    assert ada.ok("run", echo["function_id"], old).text == "before"
    assert ada.ok("run", echo["function_id"], new).text == "after"
