"""What each verb does to the store; no HTTP in here."""
