"""Building blocks without state: objects, errors, quantities, names, selectors, the clock."""
