"""Who owns which field: FieldsV1 paths, comparison, apply, prune, managedFields."""
