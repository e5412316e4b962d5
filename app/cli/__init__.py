"""The operator's commands. Each module adds its own to the parser."""
