"""``tollgate-catalog``: judges, compares and converts catalogs on the command line."""
