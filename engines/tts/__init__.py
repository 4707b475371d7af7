"""Voices: text in, samples with the times of their words and phones out."""


class SpeechError(Exception):
    """The voice failed: it is missing, refused, stalled, or sent what is no speech. The message is fit for a client."""
