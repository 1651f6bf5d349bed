"""The four services, put together as their ``__main__`` does, on what the simulation owns."""
