"""Quotes of custom resources, and how others check a quote: /api/tollgate and the public keys."""

from gateway.routes.quotes.routes import KEYS_PATH, QuoteDesk, quote_routes

__all__ = ["KEYS_PATH", "QuoteDesk", "quote_routes"]
