"""What capacity has cost: records from the provisioner's facts, reports, forecasts, budgets."""
