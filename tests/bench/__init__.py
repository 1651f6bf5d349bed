"""Benches: ratios within one run against stated floors; never part of the test suite."""
