"""Objects in memory, their history for watches, and the journal that survives a kill."""
