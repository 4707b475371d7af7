"""Motion vectors for the face: speech to lips, and the body's own life."""
