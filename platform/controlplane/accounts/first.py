"""The first password of who came in by a one-time link, and how they and their workspace are called."""

from typing import Any

from allauth.account.forms import SetPasswordForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from controlplane.accounts.models import User
from controlplane.accounts.services import change_settings
from controlplane.accounts.signals import person_named
from controlplane.errors import Problem
from controlplane.names import check_title


class FirstPasswordForm(SetPasswordForm):  # type: ignore[misc]
    """Name and workspace may stay as they are; a workspace that has a title keeps it."""

    user: User
    name = forms.CharField(label=_("Your name"), max_length=100, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    workspace = forms.CharField(label=_("Name of your workspace"), max_length=200, required=False, initial=_("My workspace"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].initial = self.user.name
        self.order_fields(["name", "workspace", "password1", "password2"])

    def clean_workspace(self) -> str:
        try:
            return check_title(str(self.cleaned_data["workspace"]), field="workspace")
        except Problem as problem:
            raise ValidationError(problem.detail) from problem

    def save(self) -> None:
        super().save()
        change_settings(user=self.user, name=self.cleaned_data["name"])
        person_named.send(sender=User, user=self.user, workspace=self.cleaned_data["workspace"])
