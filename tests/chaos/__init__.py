"""The real processes under kills, pauses and faults: `python -m tests.chaos`. See docs/chaos.md."""
