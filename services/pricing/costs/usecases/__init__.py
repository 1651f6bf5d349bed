"""What is done with costs: one function a verb."""

from services.pricing.costs.usecases.alerts import evaluate_budgets, list_alerts
from services.pricing.costs.usecases.budgets import (
    BudgetChange,
    create_budget,
    delete_budget,
    get_budget,
    list_budgets,
    update_budget,
    webhook_secret,
)
from services.pricing.costs.usecases.deliveries import deliver
from services.pricing.costs.usecases.facts import keep_unknown, take_observation, take_use
from services.pricing.costs.usecases.recommendations import forget_use, list_recommendations
from services.pricing.costs.usecases.reports import forecast_costs, get_report, list_records

__all__ = [
    "BudgetChange",
    "create_budget",
    "delete_budget",
    "deliver",
    "evaluate_budgets",
    "forecast_costs",
    "forget_use",
    "get_budget",
    "get_report",
    "keep_unknown",
    "list_alerts",
    "list_budgets",
    "list_recommendations",
    "list_records",
    "take_observation",
    "take_use",
    "update_budget",
    "webhook_secret",
]
