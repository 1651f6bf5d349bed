"""Level-triggered loops that make the cluster look alive."""
