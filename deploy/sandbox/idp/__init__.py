"""The sandbox's identity provider: it gives a token for any role to anybody who asks."""
