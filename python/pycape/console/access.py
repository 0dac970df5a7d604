"""Who may see the pages: whoever has the address that was printed, with a browser of this machine.

The address has a key in it. A browser that comes with the key gets a cookie and an address without
it, from where it goes on by itself. What changes something has to come from a form of these pages
besides.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping

from pycape.errors import PermissionDenied

ENTRANCE = "/enter"
# Where somebody is who was just let in, perhaps by a link on a page of another site: the cookie
# goes with no request that such a page began, redirected or not, but with what this page asks for.
THRESHOLD = "/entered"
_ANOTHER = "open the address that `cape console` or `cape dev` printed; it leads in while that runs"


class Access:
    """The secrets of one console, which end with it. `address` is where the pages are."""

    def __init__(self, port: int) -> None:
        self.address: str = f"http://127.0.0.1:{port}"
        # Browsers keep cookies by host: those of several consoles must not take each other's place.
        self.cookie_name: str = f"cape-console-{port}"
        self.cookie: str = secrets.token_urlsafe(32)
        self.form_token: str = secrets.token_urlsafe(32)
        self._key = secrets.token_urlsafe(32)
        self._single_keys: set[str] = set()
        self._host = f"127.0.0.1:{port}"

    @property
    def entrance(self) -> str:
        """The address to open, for as long as the console runs."""
        return f"{self.address}{ENTRANCE}?key={self._key}"

    def entrance_for_one(self) -> str:
        """Return an address that opens once.

        For the line of a program, which everybody on the machine can read.
        """
        key = secrets.token_urlsafe(32)
        self._single_keys.add(key)
        return f"{self.address}{ENTRANCE}?key={key}"

    def check_key(self, key: str) -> None:
        """Let somebody in who has a key.

        Raises:
            PermissionDenied: it is none, or one that was used.
        """
        if key in self._single_keys:
            self._single_keys.remove(key)
        elif not _same(key, self._key):
            raise PermissionDenied("this address does not open the console", hint=_ANOTHER)

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse a request that was made to another name than this machine's address.

        Some page's own host name may lead here as well (DNS rebinding), and its scripts then too.
        """
        if headers.get("host") != self._host:
            raise PermissionDenied(
                "the console has another address",
                hint=f"it is at {self.address}, by that address only",
            )

    def has_let_in(self, cookies: Mapping[str, str]) -> bool:
        """Whether a browser was let in."""
        return _same(cookies.get(self.cookie_name, ""), self.cookie)

    def check_cookie(self, cookies: Mapping[str, str]) -> None:
        """Refuse a browser that was not let in."""
        if not self.has_let_in(cookies):
            raise PermissionDenied("this browser has not been let in", hint=_ANOTHER)

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Refuse what another page sends, or what no page does."""
        if headers.get("origin") != self.address:
            raise PermissionDenied("the request did not come from a page of the console")

    def check_form_token(self, form_token: str) -> None:
        """Refuse a form that is not one of this console's."""
        if not _same(form_token, self.form_token):
            raise PermissionDenied(
                "the form is of another run of the console", hint="load the page, and send it again"
            )


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
