"""The harness that reads a training step's memory off a real GPU: see docs/measuring.md.

A case is an estimate request with one strategy, so what runs here is what the product predicts, and
a result is a measured run that the product compares with its prediction. The modules in this order:
`cases` (what to run), `processes` (each case in a process of its own), `run` (one case), `ranks`
(the other ranks), `models` (weights and adapters), `plain` and `trainer` (the two training loops),
`recording` (what the allocator held) and `results` (the line that comes out).
"""
