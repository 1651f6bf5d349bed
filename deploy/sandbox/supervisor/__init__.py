"""Starts processes in order, keeps them running, stops them; knows nothing of what they do."""
