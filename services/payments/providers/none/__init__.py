"""No payment provider: quotas, plans and entitlements work, and nothing asks for a key."""
