"""Quotas of single projects within an organization: what an admin of it sets, in the cluster.

The ResourceQuota itself is the only record of it. Others may write it too (Kube-DC's own backend
does), and what stands is what holds; Kubernetes enforces it beside the organization's quota.
"""
