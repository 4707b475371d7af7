"""Unmodified clients of other projects, each with the few lines that hold a conversation through it."""
