"""What tenants use of the cluster, by its own metrics: measured now and then, told by the hour."""
