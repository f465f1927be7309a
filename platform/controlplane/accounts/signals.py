"""What other rooms may want to know about people."""

from django.dispatch import Signal

#: A person exists now. Sent inside the transaction that made them, with `user`.
person_joined = Signal()
#: A person said how the workspace they were given shall be called. Sent with `user` and `workspace`, a title or nothing.
person_named = Signal()
