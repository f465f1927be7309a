"""What a person gives beside address and password when they sign up."""

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlplane.accounts.models import User


class SignupForm(forms.Form):
    """allauth adds address and password to it."""

    name = forms.CharField(label=_("Name"), max_length=100, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))

    def signup(self, request: HttpRequest, user: User) -> None:
        """The name is saved by the adapter; allauth only asks that this exists."""
