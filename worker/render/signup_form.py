"""The sign-up form as HTML that an author pastes into a page of their own. No script, no style sheet, no request until it is sent."""

from __future__ import annotations

from html import escape

#: A field that no person sees. Whoever fills it in is a program.
TRAP = "homepage"

_FORM = """\
<form action="{action}" method="post" accept-charset="utf-8">
  <p>
    <label for="broadsheet-address">Your mail address</label><br>
    <input id="broadsheet-address" type="email" name="address" autocomplete="email" required>
  </p>
  <p style="position:absolute;left:-100vw" aria-hidden="true">
    <label for="broadsheet-trap">Leave this empty</label>
    <input id="broadsheet-trap" type="text" name="{trap}" tabindex="-1" autocomplete="off">
  </p>{code}
  <p><button type="submit">{button}</button></p>
</form>
"""
_CODE = """
  <input type="hidden" name="r" value="{code}">"""


def signup_form(base_url: str, name: str, referral_code: str = "") -> str:
    """The form that subscribes to the publication called `name`; whom a `referral_code` belongs to is credited."""
    code = _CODE.format(code=escape(referral_code)) if referral_code else ""
    return _FORM.format(
        action=escape(f"{base_url.rstrip('/')}/subscribe"), trap=TRAP, code=code, button=escape(f"Subscribe to {name}")
    )
