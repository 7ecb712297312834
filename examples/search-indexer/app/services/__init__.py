"""The outside world: each service is used only where the settings name it."""
