"""Where allauth asks the house: who may sign up, what a new person gets, what a signed-in browser remembers."""

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from controlplane.accounts.models import User
from controlplane.accounts.services import welcome

INVITED = "invitation"  # session key: the code of an invitation that was opened before signing in


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Open to all if the operator says so, else to whoever holds an invitation."""
        return settings.SIGNUP == "open" or bool(request.session.get(INVITED))

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> User:
        user.name = form.cleaned_data.get("name", "")
        with transaction.atomic():
            saved = cast(User, super().save_user(request, user, form, commit=commit))
            if commit:
                welcome(user=saved)
        return saved

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """People have no user name."""

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        response = super().post_login(request, user, **kwargs)
        return remember_wishes(response, user)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """An invitation that was opened before is taken up after signing in."""
        code = request.session.get(INVITED)
        return f"/invitations/{code}" if code else str(super().get_login_redirect_url(request))

    get_signup_redirect_url = get_login_redirect_url


def remember_wishes(response: HttpResponse, user: User) -> HttpResponse:
    """Language, theme and time zone as cookies, so that the next first paint is right without asking the database."""
    wishes = {settings.LANGUAGE_COOKIE_NAME: user.language, "theme": user.theme, "timezone": user.timezone}
    wishes["keys"] = "on" if user.keys else "off"
    for name, value in wishes.items():
        if value:
            response.set_cookie(name, value, max_age=settings.LANGUAGE_COOKIE_AGE, samesite="Lax", secure=settings.HTTPS)
    return response


class MfaAdapter(DefaultMFAAdapter):
    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """A passkey belongs to the public host, whatever port it answers on."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": "Slipway"}
