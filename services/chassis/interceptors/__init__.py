"""The layers around every RPC, each one a module; ``call`` binds them to handlers."""
