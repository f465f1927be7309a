"""What this room hands to the frame: whether there is news, for the bell."""

from django.http import HttpRequest

from controlplane.frame import slots
from controlplane.notifications.models import Notification


def unread(request: HttpRequest) -> int:
    """How many are unread, at most 99: the bell shows a dot and says the number."""
    if not request.user.is_authenticated:
        return 0
    rows = Notification.objects.visible_to(request.user).unread()  # type: ignore[attr-defined]
    return len(rows.values_list("pk", flat=True)[:99])


slots.inboxes.append(unread)
