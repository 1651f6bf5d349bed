"""Who may what: accounts, subscriptions and the order of each account's capacity."""
