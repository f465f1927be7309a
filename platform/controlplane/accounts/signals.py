"""What other rooms may want to know about people."""

from django.dispatch import Signal

#: A person exists now. Sent inside the transaction that made them, with `user`.
person_joined = Signal()
