"""Capacity of the kind ``organization``: one quota over an organization and all its projects.

The organization itself, its namespace and its projects belong to others. What is ours there is
their quota, the bounds of their containers, and what the Organization's annotations say of the
subscription.
"""
