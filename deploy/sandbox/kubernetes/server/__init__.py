"""HTTP: paths, bodies, streams, discovery."""
