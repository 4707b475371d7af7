"""What measures the pipeline from within, without a server: the only part of the bench that imports it."""
