"""The whole product in one process, on virtual time, with seeded faults: money and capacity stay
true, whatever is lost, doubled, reordered or killed in between."""
