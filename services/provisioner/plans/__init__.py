"""The ConfigMap that holds an operator's plans: watched, and told to pricing as it stands."""
