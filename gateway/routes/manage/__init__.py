"""Document 001's dialect beside billing: /api/manage-organization, of which the quota path is ours.

Its other paths stay where they are served today.
"""

from gateway.routes.manage.routes import manage_routes

__all__ = ["manage_routes"]
