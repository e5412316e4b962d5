"""The version of the memory model. It changes when a number can change."""

ENGINE_VERSION = "1.0.0"
