"""Payments: what providers say about money, verified, stored once and turned into facts."""
