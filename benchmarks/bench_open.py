"""Question: are 1,500 authorizations a second, all of France's lunch, carried durably and in time?

Open loop for five minutes at a constant rate, latency counted from the scheduled instant. Nothing
may be refused, nothing unanswered, and the audit must hold.
"""

from typing import Final

from benchmarks import contestants, results
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.world import Size

RATE: Final = 1_500.0
SECONDS, QUICK_SECONDS = 300.0, 30.0
DATABASE: Final = "bench_open"


def run(lab: Lab, options: Options) -> None:
    """Measure, prove, show and keep."""
    load_before = results.load_average()
    lab.make_world(DATABASE, Size(options.accounts))
    seconds = QUICK_SECONDS if options.quick else SECONDS
    sample = contestants.measure(
        lab, contestants.millesime(lab, DATABASE), seconds=seconds, rate=RATE
    )
    approved = contestants.approved([sample])
    proof = lab.prove(DATABASE, approved)
    load = sample.load
    assert load is not None
    refused = load.sent - approved
    findings = {"rate": RATE, "refused_or_unanswered": refused, "audit": proof}
    results.show("Open loop at lunch", results.medians([sample]), "millesime")
    results.say(f"{load.sent:,} sent, {refused} refused or unanswered, codes {load.codes}")
    assert __doc__ is not None
    results.keep("open", __doc__, lab, [sample], findings, options, load_before)
