"""The services of Tollgate, one package each, and the chassis that they share."""
