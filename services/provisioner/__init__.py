"""The provisioner: makes the cluster match what is paid, and says what it saw there."""
