"""Click to first step: from `POST …/jobs` to the first metric readable by the API. Warm host, prepared data.

    python -m tests.benchmarks.click_to_step [--jobs 20]

Prints median, quartiles and spread in seconds for a torch recipe (a small transformer from scratch) and for the torch-free one.
"""

import argparse
import statistics
import time

from tests.stack import Api, Stack

ROWS = "text,label\n" + "".join(
    f"{'good fine nice' if i % 2 else 'bad poor sad'} item {i},{'pos' if i % 2 else 'neg'}\n" for i in range(400)
)


def one(api: Api, recipe: str, params: dict[str, object]) -> float:
    start = time.perf_counter()
    job = api.post("…/jobs", {"kind": "train", "recipe": recipe, "dataset": "bench@1", "params": params, "model_name": "bench"})
    path = f"…/jobs/{job['id']}"
    while True:
        body = api.get(path)
        if body["metrics"] or body["state"] == "failed":
            taken = time.perf_counter() - start
            break
        time.sleep(0.01)
    if api.wait(path, seconds=120)["state"] != "succeeded":
        raise RuntimeError(body)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=20)
    count = parser.parse_args().jobs
    stack = Stack().start()
    try:
        api = stack.client()
        api.dataset("bench", "bench.csv", ROWS.encode())
        for recipe, params in (("text-classification/majority", {}), ("text-classification/finetune", {"epochs": 1})):
            one(api, recipe, params)
            times = sorted(one(api, recipe, params) for _ in range(count))
            low, middle, high = statistics.quantiles(times, n=4)
            print(f"{recipe}: median {middle:.3f} s, quartiles {low:.3f}-{high:.3f}, min {times[0]:.3f}, max {times[-1]:.3f}, n {count}")
    finally:
        stack.stop()


if __name__ == "__main__":
    main()
