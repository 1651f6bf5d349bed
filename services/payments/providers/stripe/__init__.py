"""Stripe: the only package that knows its library, its wire format and its words.

Only ``client`` and ``provider`` load the library; the rest is pure.
"""
