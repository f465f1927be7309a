"""How many threads a training is worth, found by trying: all it was given, or one.

A small model gains little from a second thread, and on a busy machine threads that wait for each other cost many times what they bring.
So steps are timed with either number, by turns, at the beginning and again now and then, and the faster one is kept.
"""

import time

import torch

WARM = 4  # first steps, which are slow for other reasons
TRIAL = 10  # steps of one comparison, half with either number
AGAIN = 100  # steps until the next comparison: how busy the machine is changes
GAIN = 0.85  # several threads must at least cut the time to this
LOSS = 2.0  # when a step with several threads takes this much longer, the comparison is over


class Threads:
    """Call `begin` before each step and `end` after it. given: the most to use; nothing is tried with one, or away from a CPU."""

    def __init__(self, given: int, device: torch.device) -> None:
        self.given, self.idle = given, given < 2 or device.type != "cpu"
        self.chosen, self.step = given, -WARM
        self._forget()

    def _forget(self) -> None:
        self.seconds, self.work = {1: 0.0, self.given: 0.0}, {1: 0.0, self.given: 0.0}

    @property
    def _number(self) -> int:
        """Threads of the present step; a comparison begins with one."""
        if not 0 <= self.step < TRIAL:
            return self.chosen
        return self.given if self.step % 2 else 1

    def begin(self) -> None:
        if not self.idle:
            torch.set_num_threads(self._number)
            self.started = time.perf_counter()

    def end(self, work: float) -> None:
        """work: what the step did, in any unit, such as tokens."""
        if self.idle:
            return
        if 0 <= self.step < TRIAL:
            self.seconds[self._number] += time.perf_counter() - self.started
            self.work[self._number] += work
            ratio = self._ratio()
            if ratio > LOSS or self.step == TRIAL - 1:
                self.chosen = self.given if ratio < GAIN else 1
                self.step = TRIAL - 1
                self._forget()
        self.step += 1
        if self.step >= TRIAL + AGAIN:
            self.step = 0

    def _ratio(self) -> float:
        """Time per work with all threads over that with one; 1 until both are known."""
        if not self.work[self.given]:
            return 1.0
        return (self.seconds[self.given] / self.work[self.given]) / (self.seconds[1] / self.work[1])
