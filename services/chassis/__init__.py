"""What every process of Tollgate needs and no process is.

The chassis knows no service, and of the contracts only ``tollgate.common``.
"""
