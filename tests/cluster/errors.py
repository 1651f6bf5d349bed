"""What keeps a control plane from being built or started, in a sentence for people."""


class ClusterError(Exception):
    """Its text is shown as it is."""
