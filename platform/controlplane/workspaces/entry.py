"""The one-time sign-in link. Whoever opens it is that person; it works once, for 15 minutes."""

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from controlplane.accounts.adapter import remember_wishes
from controlplane.accounts.services import use_signin_code
from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.workspaces.access import public

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@public
@require_GET
@never_cache
def signin(request: HttpRequest, code: str) -> HttpResponse:
    """Signs in; who has no password yet is asked to choose one. Problem 404 for a link that was used or is too old."""
    person = use_signin_code(code=code)
    if person is None:
        detail = _("This sign-in link was used or is too old.")
        raise Problem(404, "link_gone", detail, _("Print a new one with `python manage.py signinlink`."))
    login(request, person, backend=BACKEND)
    record(action="person.signin_link", target=person, request_or_actor=person)
    target = "/" if person.has_usable_password() else f"{reverse('account_set_password')}?next=/"
    return remember_wishes(redirect(target), person)
