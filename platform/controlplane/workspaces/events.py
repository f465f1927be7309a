"""What rooms above may want to know about teams. Sent inside the transaction of the change."""

from django.dispatch import Signal

#: Somebody took an invitation up; with `invitation` and `user`.
invitation_accepted = Signal()
#: A member has another role now; with `membership`.
role_changed = Signal()
