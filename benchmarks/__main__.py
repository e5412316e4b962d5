"""Print the figures that the product promises, each beside its aim.

Everything runs on this machine: the engine in this process, then one worker under a bounded load
over loopback, with `/healthz` in the same run as the yardstick for what the framework itself costs,
and last the planner in a browser.
"""

from __future__ import annotations

import json
import os
import platform

from app.services.container import build_services
from app.settings import Settings
from benchmarks import engine, load, page, recommendations, systems
from benchmarks.jobs import request_documents
from benchmarks.statistics import report
from benchmarks.worker import running_worker

REQUESTS = 3_000
AIM_P99_MS = 25.0
AIM_RESIDENT_MB = 200


def main() -> None:
    """Measure the engine, the API under load and the memory of a worker."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    services = build_services(Settings())
    engine.measure(services)
    recommendations.measure(services)
    systems.measure(services)
    bodies = [json.dumps(d).encode() for d in request_documents(services.catalog, REQUESTS)]

    with running_worker() as worker:
        posts = [load.post_json("/api/v1/estimates", worker.port, body) for body in bodies]
        load.run(worker.port, posts[: REQUESTS // 10])

        health = load.run(worker.port, [load.get("/healthz", worker.port)] * REQUESTS)
        report(f"GET /healthz, {load.CONNECTIONS} connections", str(health))
        estimates = load.run(worker.port, posts)
        met = estimates.times.percentile(99) < AIM_P99_MS
        report(
            f"POST estimates, {load.CONNECTIONS} connections",
            str(estimates),
            f"p99 < {AIM_P99_MS:g} ms",
            met,
        )
        alone = load.run(worker.port, posts[:500], connections=1)
        report("POST estimates, 1 connection", str(alone))
        planner = load.run(worker.port, [load.get("/", worker.port)] * 100, connections=1)
        report("GET / (planner), 1 connection", str(planner))
        ratio = estimates.times.percentile(50) / health.times.percentile(50)
        report("estimates : healthz", f"{ratio:.1f} times the median time")
        report("mean answer", f"{estimates.answer_bytes / 1_000:.1f} kB of JSON")

        resident = worker.resident_bytes()
        if resident is None:
            report("resident memory", "not told by this system")
        else:
            met = resident < AIM_RESIDENT_MB * 10**6
            report(
                "resident memory after the load",
                f"{resident / 10**6:.0f} MB",
                f"< {AIM_RESIDENT_MB} MB",
                met,
            )
        page.measure(worker.port)


if __name__ == "__main__":
    main()
