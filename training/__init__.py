"""From a capture to an avatar: fit, export, evaluate. Imports engines, never the reverse."""
