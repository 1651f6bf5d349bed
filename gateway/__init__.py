"""The gateway: REST dialects and the webhook edge over the services. No state, no rule."""
