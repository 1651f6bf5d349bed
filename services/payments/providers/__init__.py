"""Payment providers: one package each behind ``ports.Provider``, loaded only when it is on."""
