"""How many threads a training is worth, found by trying: all it was given, or one.

A small model gains little from a second thread, and on a busy machine threads that wait for each other can cost several times what they
bring. So steps are timed with either number, by turns, at the beginning and again now and then, and the faster one is kept.
"""

import time

import torch

WARM = 4  # first steps, which are slow for other reasons
TRIAL = 16  # steps of one comparison, half with either number
AGAIN = 400  # steps until the next comparison


class Threads:
    """Call `begin` before each step and `end` after it. given: the most to use; nothing is tried with one, or away from a CPU."""

    def __init__(self, given: int, device: torch.device) -> None:
        self.given, self.idle = given, given < 2 or device.type != "cpu"
        self.chosen, self.step = given, -WARM
        self.spent = {given: (0.0, 0.0), 1: (0.0, 0.0)}  # threads -> (seconds, work)

    def begin(self) -> None:
        if self.idle:
            return
        trying = 0 <= self.step < TRIAL
        torch.set_num_threads((self.given if self.step % 2 else 1) if trying else self.chosen)
        self.started = time.perf_counter()

    def end(self, work: float) -> None:
        """work: what the step did, in any unit, such as tokens."""
        if self.idle:
            return
        if 0 <= self.step < TRIAL:
            number = self.given if self.step % 2 else 1
            seconds, done = self.spent[number]
            self.spent[number] = seconds + time.perf_counter() - self.started, done + work
        self.step += 1
        if self.step == TRIAL:
            self.chosen = min(self.spent, key=lambda number: self.spent[number][0] / self.spent[number][1])
            torch.set_num_threads(self.chosen)
            self.spent = dict.fromkeys(self.spent, (0.0, 0.0))
        elif self.step >= TRIAL + AGAIN:
            self.step = 0
