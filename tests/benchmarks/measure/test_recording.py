"""What is made of the allocator's counters."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure.recording import Reading, Recorder


def recorder(*readings: tuple[int, int]) -> Recorder:
    """One that reads these (allocated, its peak); the allocator holds 1,000 bytes more."""
    source: Iterator[Reading] = iter(
        Reading(now, peak, now + 1_000, peak + 1_000) for now, peak in ((0, 0), *readings)
    )
    return Recorder(lambda: next(source))


def test_the_last_step_is_the_steady_one_and_the_highest_of_all_is_kept_too() -> None:
    made = recorder(
        (100, 110), (180, 200), (150, 300), (120, 160), (190, 210), (150, 240), (130, 170)
    )
    made.setup_done()
    for step in range(2):
        made.step_begins()
        made.phase_done(step, "forward")
        made.phase_done(step, "backward")
        made.phase_done(step, "step")
    measured = made.measured(context_bytes=7, process_used=9)
    assert measured.after_setup == 100
    assert (measured.phase_forward, measured.phase_backward, measured.phase_step) == (210, 240, 170)
    assert measured.steady_peak_allocated == 240
    assert measured.peak_allocated == 300
    assert measured.resident_after_step == 130
    assert measured.reserved_at_end == 1_130
    assert measured.peak_reserved == 1_300
    assert (measured.context_bytes, measured.process_used) == (7, 9)


def test_of_several_micro_batches_the_highest_counts() -> None:
    made = recorder((0, 0), (5, 50), (5, 80), (5, 40), (5, 70), (5, 60))
    made.setup_done()
    made.step_begins()
    for _ in range(2):
        made.phase_done(0, "forward")
        made.phase_done(0, "backward")
    made.phase_done(0, "step")
    measured = made.measured(0, 0)
    assert (measured.phase_forward, measured.phase_backward) == (50, 80)
