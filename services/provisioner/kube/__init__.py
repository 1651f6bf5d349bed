"""The Kubernetes API: the only place of the product that speaks to one."""
