"""The sandbox cluster: a small Kubernetes API server that real clients talk to.

`README.md` beside this file says what it covers and what it leaves out.
"""
