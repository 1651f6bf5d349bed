"""Document 000's dialect: /api/tollgate, which the scaffolder actions ask."""

from gateway.routes.scaffolder.routes import ScaffolderDesk, scaffolder_routes

__all__ = ["ScaffolderDesk", "scaffolder_routes"]
