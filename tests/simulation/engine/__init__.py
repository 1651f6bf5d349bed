"""The machine under the simulation: time, processes, chance, network, databases."""
