"""Pricing: catalogs, their versions, and what a plan expands to."""
