"""The list of jobs with 10,000 of them, as the browser asks for it: whole pages, sorted, searched, deep, and the poll that finds nothing.

    python -m tests.benchmarks.lists [--jobs 10000] [--rounds 40]

Prints median, 95th percentile and extremes of each. The budget is 200 ms at the 95th percentile.
"""

import argparse
import re
import time

from tests.benchmarks.site import site, spread


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    with site() as it:
        from django.test import Client

        from tests.controlplane.jobs.rows import job_rows

        job_rows(it.workspace, it.user, given.jobs)
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(it.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        first = client.get("/w/bench/jobs").content.decode()
        cursor = re.search(r'href="\?cursor=([^"]+)"', first)
        poll = re.search(r'id="rows" hx-get="([^"]+)"', first)
        if not cursor or not poll:
            raise RuntimeError("the page has no second page or does not poll")
        rows = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#rows"}
        for name, path, headers in (
            ("first page", "/w/bench/jobs", {}),
            ("sorted by name", "/w/bench/jobs?sort=name", {}),
            ("searched", "/w/bench/jobs?q=run+99", {}),
            ("filtered", "/w/bench/jobs?state=succeeded&recipe=text-classification/finetune", {}),
            ("second page", f"/w/bench/jobs?cursor={cursor[1]}", {}),
            ("poll, nothing new", poll[1].replace("&amp;", "&"), rows),
            ("API", "/api/v1/workspaces/bench/jobs", {}),
        ):
            times = []
            for _ in range(given.rounds):
                start = time.perf_counter()
                status = client.get(path, headers=headers).status_code
                times.append(time.perf_counter() - start)
                if status not in (200, 204):
                    raise RuntimeError(f"{path}: {status}")
            spread(f"{name} ({status})", times)


if __name__ == "__main__":
    main()
